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
    """english: in small letters; latin: species, genus or family."""

    english: str
    latin: str


NAMES: Mapping[str, SpeciesName] = {
    "castor": SpeciesName("beaver", "Castor"),
    "chat": SpeciesName("cat", "Felis catus"),
    "chien": SpeciesName("dog", "Canis familiaris"),
    "coyotte": SpeciesName("coyote", "Canis latrans"),
    "ecureuil": SpeciesName("squirrel", "Sciuridae"),
    "lapin": SpeciesName("rabbit", "Leporidae"),
    "loup": SpeciesName("wolf", "Canis lupus"),
    "lynx": SpeciesName("lynx", "Lynx"),
    "ours": SpeciesName("bear", "Ursus"),
    "puma": SpeciesName("puma", "Puma concolor"),
    "rat": SpeciesName("rat", "Rattus"),
    "raton_laveur": SpeciesName("raccoon", "Procyon lotor"),
    "renard": SpeciesName("fox", "Vulpes vulpes"),
    "beaver": SpeciesName("beaver", "Castor canadensis"),
    "black_bear": SpeciesName("black bear", "Ursus americanus"),
    "bob_cat": SpeciesName("bobcat", "Lynx rufus"),
    "coyote": SpeciesName("coyote", "Canis latrans"),
    "elephant": SpeciesName("elephant", "Elephantidae"),
    "goose": SpeciesName("goose", "Anserinae"),
    "gray_fox": SpeciesName("gray fox", "Urocyon cinereoargenteus"),
    "horse": SpeciesName("horse", "Equus caballus"),
    "lion": SpeciesName("lion", "Panthera leo"),
    "mink": SpeciesName("mink", "Neogale vison"),
    "mouse": SpeciesName("mouse", "Mus"),
    "mule_deer": SpeciesName("mule deer", "Odocoileus hemionus"),
    "otter": SpeciesName("otter", "Lutrinae"),
    "raccoon": SpeciesName("raccoon", "Procyon lotor"),
    "skunk": SpeciesName("skunk", "Mephitidae"),
    "turkey": SpeciesName("turkey", "Meleagris gallopavo"),
    "western_grey_squirrel": SpeciesName("western gray squirrel", "Sciurus griseus"),
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
    found = {label: name_of(label) or SpeciesName(label, "") for label in labels}
    return {label: {"english": name.english, "latin": name.latin} for label, name in found.items()}
