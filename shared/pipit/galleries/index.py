"""The one document of a gallery that is changed by compare-and-swap: who is there, and the keys that open them.

It holds each person's wrapped key, so that one swap forgets somebody for good, whatever becomes of the rest.
Immutable: a change gives a new one.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pipit.errors import IntegrityError, InvalidInput
from pipit.faces.sealing import SealedPerson
from pipit.galleries.types import Entry, Listing, Tombstone

GALLERIES = "galleries/"
MOST_TOMBSTONES = 10_000
_GALLERY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PERSON = re.compile(r"[0-9a-f]{32}")
_INDEX_KEY = re.compile(rf"{GALLERIES}([^/]+)/gallery\.json")


class Document(BaseModel):
    """Base of what lies in the store as JSON."""

    # What a newer copy of the service added is not lost when an older one writes.
    model_config = ConfigDict(frozen=True, extra="allow")


class StoredEntry(Document):
    """One person. content: random; names the objects of this very sealing. wrapped_key: in hexadecimal."""

    revision: Annotated[int, Field(ge=1)]
    content: str
    embedders: tuple[tuple[str, int], ...]
    keeps_crops: bool
    key: str
    wrapped_key: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", repr=False)]

    def keys(self, gallery: str, person_id: str) -> tuple[str, ...]:
        """Keys of the objects that it refers to."""
        body = body_key(gallery, person_id, self.content)
        return (body, crops_key(gallery, person_id, self.content)) if self.keeps_crops else (body,)


class StoredTombstone(Document):
    """One person who was forgotten."""

    id: str
    revision: int
    at: AwareDatetime


class Index(Document):
    """See the module.

    leaving: keys of objects that nobody refers to any more, to be deleted by whoever comes next if the one who put them
    here did not come to it. sweeps: how often objects were gathered to leave; see `StoredGalleries`.
    """

    format: Literal[1] = 1
    gallery: str
    revision: int = 0
    people: dict[str, StoredEntry] = {}
    tombstones: tuple[StoredTombstone, ...] = ()
    leaving: tuple[str, ...] = ()
    sweeps: int = 0

    def to_bytes(self) -> bytes:
        """JSON, laid out for people."""
        return self.model_dump_json(indent=1).encode()

    @property
    def listing(self) -> Listing:
        """What everybody may see of it."""
        return Listing(
            self.gallery,
            self.revision,
            tuple(
                Entry(identity, entry.revision, entry.embedders, entry.keeps_crops, entry.key)
                for identity, entry in sorted(self.people.items())
            ),
            tuple(Tombstone(stone.id, stone.revision, stone.at) for stone in self.tombstones),
        )

    def tombstone(self, person_id: str) -> Tombstone | None:
        """That of somebody who was forgotten."""
        return next((stone for stone in self.listing.tombstones if stone.id == person_id), None)

    def with_person(self, sealed: SealedPerson, content: str) -> Self:
        """With the person, new or in place of the one before, whose objects leave."""
        before = self.people.get(sealed.id)
        entry = StoredEntry(
            revision=self.revision + 1,
            content=content,
            embedders=sealed.embedders,
            keeps_crops=sealed.keeps_crops,
            key=sealed.key,
            wrapped_key=sealed.wrapped_key.hex(),
        )
        return self.model_copy(
            update={
                "revision": self.revision + 1,
                "people": {**self.people, sealed.id: entry},
                "leaving": (*self.leaving, *(before.keys(self.gallery, sealed.id) if before is not None else ())),
            }
        )

    def without_person(self, person_id: str, at: datetime, leaving: tuple[str, ...]) -> Self:
        """Without the person: a tombstone in their place."""
        stone = StoredTombstone(id=person_id, revision=self.revision + 1, at=at)
        return self.model_copy(
            update={
                "revision": self.revision + 1,
                "people": {identity: entry for identity, entry in self.people.items() if identity != person_id},
                "tombstones": (*self.tombstones, stone)[-MOST_TOMBSTONES:],
                "leaving": leaving,
                "sweeps": self.sweeps + 1,
            }
        )


def check_gallery(name: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return checked(_GALLERY, name, "the name of a gallery: small letters, digits, '-' and '_', as in home")


def check_person(person_id: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return checked(_PERSON, person_id, "the id of a person: 32 hexadecimal digits, as `pipit faces list` shows")


def index_key(gallery: str) -> str:
    """Key of the document."""
    return f"{GALLERIES}{check_gallery(gallery)}/gallery.json"


def gallery_of_key(key: str) -> str | None:
    """The reverse of `index_key`; None for any other."""
    match = _INDEX_KEY.fullmatch(key)
    return match[1] if match else None


def people_prefix(gallery: str) -> str:
    """Prefix of everything that is kept of people."""
    return f"{GALLERIES}{check_gallery(gallery)}/people/"


def body_key(gallery: str, person_id: str, content: str) -> str:
    """Key of a sealed body."""
    return f"{people_prefix(gallery)}{check_person(person_id)}/{content}.body"


def crops_key(gallery: str, person_id: str, content: str) -> str:
    """Key of sealed crops."""
    return f"{people_prefix(gallery)}{check_person(person_id)}/{content}.crops"


def checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    """Gives the text back. Raises InvalidInput unless all of it fits the pattern."""
    if pattern.fullmatch(text) is None:
        raise InvalidInput(f"{text[:40]!r} is not {what}")
    return text


def unreadable(key: str) -> IntegrityError:
    """What to raise for a document that is none."""
    return IntegrityError(f"{key} in the store can't be read; restore it from a backup")
