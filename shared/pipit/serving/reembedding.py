"""A new embedder: its templates are made from the crops that people let be kept; without one they enrol again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from pipit.faces.gallery import Person, Template
from pipit.faces.verdicts import Picture
from pipit.galleries import Galleries
from pipit.serving.people import People

Look = Callable[[str, bytes], Picture]


@dataclass(frozen=True, slots=True, eq=False)
class Reembedded:
    """left: those who have to be enrolled again. revision: of the gallery."""

    reembedded: tuple[Person, ...]
    left: tuple[Person, ...]
    revision: int


def reembed(people: People, galleries: Galleries, embedder: str, look: Look) -> Reembedded:
    """Adds templates of `embedder` to everybody who has none. One write a person; again, it goes on where it ended.

    The other templates stay: whoever goes back to the version before needs them. look: finds faces in a picture, by its
    name and content. Raises what galleries and `look` raise.
    """
    everybody = people.read(galleries)
    revision = everybody.gallery.revision
    done, left = [], []
    for person in everybody.gallery.people:
        if any(template.embedder == embedder for template in person.templates):
            continue
        whole, _ = people.whole(galleries, person.id)
        templates = _templates(whole, embedder, look)
        if not templates:
            left.append(person)
            continue
        changed = people.change_person(galleries, person.id, partial(_with, templates=templates))
        revision = changed.revision
        done.append(changed.person)
    return Reembedded(tuple(done), tuple(left), revision)


def _templates(person: Person, embedder: str, look: Look) -> list[Template]:
    crops = {template.source: template for template in person.templates if template.crop}
    found = [(template, look(source[:12], template.crop)) for source, template in crops.items()]
    return [
        replace(template, vector=picture.faces[0].vector, embedder=embedder)
        for template, picture in found
        if picture.faces
    ]


def _with(person: Person, templates: list[Template]) -> Person:
    """Of pictures that are still held."""
    held = {template.source for template in person.templates}
    return replace(
        person, templates=(*person.templates, *(template for template in templates if template.source in held))
    )
