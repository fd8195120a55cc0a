"""English and Latin names of species, beside the names that data sets give them.

OpenAnimalTracks (https://arxiv.org/abs/2406.09647) names its 18 classes in English; the other data has French folders.
What such a name leaves open (which bear, which lynx) the Latin name leaves open too: a genus or a family.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeciesName:
    """english: in small letters; latin: species, genus or family; family: as zoologists speak of its members."""

    english: str
    latin: str
    family: str


NAMES: Mapping[str, SpeciesName] = {
    "castor": SpeciesName("beaver", "Castor", "castorid"),
    "chat": SpeciesName("cat", "Felis catus", "felid"),
    "chien": SpeciesName("dog", "Canis familiaris", "canid"),
    "coyotte": SpeciesName("coyote", "Canis latrans", "canid"),
    "ecureuil": SpeciesName("squirrel", "Sciuridae", "sciurid"),
    "lapin": SpeciesName("rabbit", "Leporidae", "leporid"),
    "loup": SpeciesName("wolf", "Canis lupus", "canid"),
    "lynx": SpeciesName("lynx", "Lynx", "felid"),
    "ours": SpeciesName("bear", "Ursus", "ursid"),
    "puma": SpeciesName("puma", "Puma concolor", "felid"),
    "rat": SpeciesName("rat", "Rattus", "murid"),
    "raton_laveur": SpeciesName("raccoon", "Procyon lotor", "procyonid"),
    "renard": SpeciesName("fox", "Vulpes vulpes", "canid"),
    "beaver": SpeciesName("beaver", "Castor canadensis", "castorid"),
    "black_bear": SpeciesName("black bear", "Ursus americanus", "ursid"),
    "bob_cat": SpeciesName("bobcat", "Lynx rufus", "felid"),
    "coyote": SpeciesName("coyote", "Canis latrans", "canid"),
    "elephant": SpeciesName("elephant", "Elephantidae", "elephantid"),
    "goose": SpeciesName("goose", "Anserinae", "anatid"),
    "gray_fox": SpeciesName("gray fox", "Urocyon cinereoargenteus", "canid"),
    "horse": SpeciesName("horse", "Equus caballus", "equid"),
    "lion": SpeciesName("lion", "Panthera leo", "felid"),
    "mink": SpeciesName("mink", "Neogale vison", "mustelid"),
    "mouse": SpeciesName("mouse", "Mus", "murid"),
    "mule_deer": SpeciesName("mule deer", "Odocoileus hemionus", "cervid"),
    "otter": SpeciesName("otter", "Lutrinae", "mustelid"),
    "raccoon": SpeciesName("raccoon", "Procyon lotor", "procyonid"),
    "skunk": SpeciesName("skunk", "Mephitidae", "mephitid"),
    "turkey": SpeciesName("turkey", "Meleagris gallopavo", "phasianid"),
    "western_grey_squirrel": SpeciesName("western gray squirrel", "Sciurus griseus", "sciurid"),
}
"""By class name as `key_of` writes it."""


def key_of(label: str) -> str:
    """A class name without accents, in small letters, words joined by one underscore."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return "_".join("".join(letter if letter.isalnum() else " " for letter in plain).split())


def name_of(label: str) -> SpeciesName | None:
    """None where the class is not known here."""
    return NAMES.get(key_of(label))


def names_of(labels: Iterable[str]) -> dict[str, dict[str, str]]:
    """As a bundle keeps them: `english` and `latin` by label. A label that is not known here stays itself."""
    found = {label: name_of(label) or SpeciesName(label, "", "") for label in labels}
    return {label: {"english": name.english, "latin": name.latin} for label, name in found.items()}


def family_of(label: str) -> str:
    """A label that is not known here is a family of its own."""
    name = name_of(label)
    return label if name is None else name.family


def families_of(labels: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Families that several of the labels belong to, with these, both sorted.

    A family of one label says no more than the label; one whose name is a label itself would be taken for it.
    """
    members: dict[str, list[str]] = {}
    known = set(labels)
    for label in sorted(known):
        members.setdefault(family_of(label), []).append(label)
    return {name: tuple(found) for name, found in sorted(members.items()) if len(found) > 1 and name not in known}
