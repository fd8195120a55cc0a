"""The three sides of a split: what stands on each, and the split in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.training.recipe import Split

SIDES = ("train", "validation", "test")
ITEMS_FILE = "items.json"
"""What `prepare` leaves: an Entry for each item."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the split, as a network takes it. rows: (n, …). truth: positions of labels, (n,).

    groups: names of what each row was cut from, (n,); rows of one group are not independent.
    """

    rows: NDArray[Any]
    truth: NDArray[np.int64]
    groups: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """An item with its place in the split, as `items.json` keeps it. extra: what else is kept, of JSON's types."""

    name: str
    label: str
    group: str
    side: str
    extra: Mapping[str, Any] = field(default_factory=dict)


def require_trained(entries: Sequence[Entry]) -> None:
    """Raises InvalidInput for labels that the split leaves nothing to train on."""
    untrained = {entry.label for entry in entries} - {entry.label for entry in entries if entry.side == "train"}
    if untrained:
        raise InvalidInput(
            f"the split leaves nothing to train {', '.join(sorted(untrained))} on; add data, or change the split"
        )


def describe_split(rule: Split, seed: int, groups: str) -> str:
    """The rule in words that let somebody repeat it. groups: what stays on one side, for example "recordings"."""
    if rule.rule == "fold":
        tests, validates = ", ".join(rule.test_folds), ", ".join(rule.validation_folds)
        if validates:
            return f"folds {tests} test, folds {validates} validate, others train"
        return (
            f"folds {tests} test; of the others {groups} drawn with seed {seed}, stratified by class: "
            f"{rule.validation_share:.0%} validate, others train"
        )
    return (
        f"{groups} drawn with seed {seed}, stratified by class: "
        f"{rule.test_share:.0%} test, {rule.validation_share:.0%} validate, others train"
    )
