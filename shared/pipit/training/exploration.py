"""Looks at what a run prepared, item by item: how many of what, how loud or bright, and what is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipit.data.duplicates import Hash, alike, perceptual_hash
from pipit.data.measures import measure
from pipit.errors import InputTooLarge, InvalidInput
from pipit.files import sha256_bytes
from pipit.inputs import EncodedAudio, EncodedImage, Input, Landmarks, PcmAudio, TensorInput
from pipit.inputs.image import decode_image
from pipit.training.classifier import ClassifierTrainer
from pipit.training.run import Run
from pipit.training.sides import ITEMS_FILE

_OWN = ("name", "label", "group", "side")


@dataclass(frozen=True, slots=True)
class Explored:
    """A prepared item. facts: what else the task keeps of it: fold, source, channel, … measures: see `measure`.

    content: SHA-256 of what a caller would send. hash: of a picture.
    """

    name: str
    label: str
    group: str
    side: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    content: str = ""
    hash: Hash | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Items that have `value`, and of how many groups they are."""

    value: str
    items: int
    groups: int


@dataclass(frozen=True, slots=True)
class Twins:
    """Two items that are the same. torn: they stand on two sides of the split. same_bytes: else nearly the same."""

    one: Explored
    other: Explored
    same_bytes: bool

    @property
    def torn(self) -> bool:
        """Whether a network is tested on what it was trained on."""
        return self.one.side != self.other.side


def explore(trainer: ClassifierTrainer[Any, Any, Any], run: Run) -> tuple[Explored, ...]:
    """Reads every item that `prepare` left, in the order of the file; leaves out those that can't be read any more.

    Raises InvalidInput for a task that is not trained on items.
    """
    if not (run.folder / "prepare" / ITEMS_FILE).is_file():
        raise InvalidInput(
            f"the run in {run.folder} has no {ITEMS_FILE}: run its step `prepare`; a task that is not trained on items "
            "leaves none, and can't be looked at this way"
        )
    items = trainer.sources.by_name()
    found = []
    entries: list[dict[str, Any]] = run.read_json("prepare", ITEMS_FILE)
    with run.progress.track(f"looking at {trainer.items_are}", len(entries)) as bar:
        for entry in entries:
            try:
                found.append(_explored(entry, trainer.input_of(items[entry["name"]])))
            except (InvalidInput, InputTooLarge, OSError) as error:
                run.progress.say(f"left out: {entry['name']}: {error}")
            bar.advance()
    return tuple(found)


def count_by(items: Sequence[Explored], key: str) -> tuple[Counted, ...]:
    """The most frequent value first. key: `label`, `group`, `side` or the name of a fact; others count as ""."""
    counts: Counter[str] = Counter()
    groups: dict[str, set[str]] = {}
    for item in items:
        value = str(getattr(item, key) if key in _OWN else item.facts.get(key, ""))
        counts[value] += 1
        groups.setdefault(value, set()).add(item.group)
    return tuple(Counted(value, count, len(groups[value])) for value, count in sorted(counts.items(), key=_by_count))


def telling_facts(items: Sequence[Explored], most: int = 20) -> tuple[str, ...]:
    """Facts by which counting tells something, such as channel or fold: words, of 2 to `most` different values."""
    values: dict[str, set[str]] = {}
    for item in items:
        for name, value in item.facts.items():
            if isinstance(value, str):
                values.setdefault(name, set()).add(value)
    return tuple(sorted(name for name, found in values.items() if 2 <= len(found) <= most))


def find_twins(items: Sequence[Explored]) -> tuple[Twins, ...]:
    """Each pair once: the same bytes of whatever kind, and of pictures those that are nearly the same."""
    first: dict[str, int] = {}
    pairs = {}
    for position, item in enumerate(items):
        if item.content in first:
            pairs[first[item.content], position] = True
        elif item.content:
            first[item.content] = position
    pictures = [(position, item.hash) for position, item in enumerate(items) if item.hash is not None]
    for one, other in alike([found for _, found in pictures]):
        pairs.setdefault((pictures[one][0], pictures[other][0]), False)
    return tuple(Twins(items[one], items[other], same) for (one, other), same in sorted(pairs.items()))


def _explored(entry: Mapping[str, Any], item: Input) -> Explored:
    hashed = perceptual_hash(decode_image(item)) if isinstance(item, EncodedImage) else None
    own = {name: str(entry[name]) for name in _OWN}
    facts = {name: value for name, value in entry.items() if name not in _OWN}
    return Explored(**own, facts=facts, measures=measure(item), content=_content(item), hash=hashed)


def _content(item: Input) -> str:
    if isinstance(item, EncodedAudio | EncodedImage):
        return sha256_bytes(item.data)
    if isinstance(item, PcmAudio):
        return sha256_bytes(np.ascontiguousarray(item.samples).tobytes())
    if isinstance(item, TensorInput | Landmarks):
        return sha256_bytes(np.ascontiguousarray(item.values).tobytes())
    return sha256_bytes("".join(_content(one) for one in item.items).encode())


def _by_count(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
