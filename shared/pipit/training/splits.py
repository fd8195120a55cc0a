"""Which samples train, validate and test. Samples of one group (recording, speaker, individual) stay on one side.

A sample whose group stood on two sides would be recognised, not understood, and the measured accuracy would be wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from pipit.errors import InvalidInput
from pipit.training.recipe import Split

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sides:
    """Positions of the samples of each side, ascending."""

    train: Indices
    validation: Indices
    test: Indices


def split_samples(rule: Split, labels: Sequence[str], groups: Sequence[str], folds: Sequence[str], seed: int) -> Sides:
    """Splits as the recipe's rule says. labels, groups, folds: one for each sample.

    A sample without a fold (an empty one) trains. Where a recipe names no folds that validate, groups of the others do;
    who shares a group with a test sample is on no side then. Raises InvalidInput if a side stays empty or a group is
    torn.
    """
    if rule.rule == "group":
        sides = _by_group(rule, labels, groups, seed)
    elif rule.validation_folds:
        sides = _by_fold(rule, folds)
    else:
        sides = _beside_test_folds(rule, labels, groups, folds, seed)
    check_groups(sides, groups)
    for name in ("train", "validation", "test"):
        if not len(getattr(sides, name)):
            raise InvalidInput(f"the split leaves no {name} samples; check the recipe's split against the data set")
    return sides


def cut_by_group(share: float, labels: Sequence[str], groups: Sequence[str], seed: int) -> tuple[Indices, Indices]:
    """Cuts about `share` off, with about the same share of each label and no group torn. Gives (rest, cut off).

    For data whose own split lacks a side. labels, groups: one for each sample. Raises InvalidInput as `split_samples`.
    """
    return _cut(np.arange(len(labels)), share, labels, groups, seed)


def check_groups(sides: Sides, groups: Sequence[str]) -> None:
    """Raises InvalidInput that names groups that stand on more than one side."""
    names = np.asarray(groups, dtype=object)
    seen = {side: set(names[getattr(sides, side)]) for side in ("train", "validation", "test")}
    torn = (seen["train"] & seen["validation"]) | (seen["train"] & seen["test"]) | (seen["validation"] & seen["test"])
    if torn:
        some = ", ".join(sorted(torn)[:5])
        raise InvalidInput(f"{len(torn)} groups stand on more than one side of the split, for example {some}")


def _by_fold(rule: Split, folds: Sequence[str]) -> Sides:
    names = np.asarray(folds, dtype=object)
    test = np.isin(names, rule.test_folds)
    validation = np.isin(names, rule.validation_folds)
    return Sides(np.flatnonzero(~test & ~validation), np.flatnonzero(validation), np.flatnonzero(test))


def _beside_test_folds(
    rule: Split, labels: Sequence[str], groups: Sequence[str], folds: Sequence[str], seed: int
) -> Sides:
    names, grouped = np.asarray(folds, dtype=object), np.asarray(groups, dtype=object)
    test = np.isin(names, rule.test_folds)
    rest = np.flatnonzero(~np.isin(grouped, grouped[test]))
    if not len(rest):
        raise InvalidInput("the split leaves nothing to train on beside the test folds; check the recipe's split")
    return Sides(*_cut(rest, rule.validation_share, labels, groups, seed), np.flatnonzero(test))


def _by_group(rule: Split, labels: Sequence[str], groups: Sequence[str], seed: int) -> Sides:
    everything = np.arange(len(labels))
    rest, test = _cut(everything, rule.test_share, labels, groups, seed)
    train, validation = _cut(rest, rule.validation_share / (1.0 - rule.test_share), labels, groups, seed)
    return Sides(train, validation, test)


def _cut(
    indices: Indices, share: float, labels: Sequence[str], groups: Sequence[str], seed: int
) -> tuple[Indices, Indices]:
    """Cuts about `share` off, with about the same share of each label. Gives (rest, cut off)."""
    if share > 0.5:
        cut, rest = _cut(indices, 1.0 - share, labels, groups, seed)
        return rest, cut
    parts = min(max(2, round(1.0 / share)), len({groups[i] for i in indices}))
    if parts < 2:
        raise InvalidInput("all samples are of one group, which can't be split; name the groups of the data set")
    folds = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer samples than folds can't stand on every side; the report shows what each side holds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        try:
            rest, cut = next(iter(folds.split(indices, [labels[i] for i in indices], [groups[i] for i in indices])))
        except ValueError as error:
            raise InvalidInput(f"too few samples to split: every class has fewer than {parts}; add data") from error
    return indices[np.sort(rest)], indices[np.sort(cut)]
