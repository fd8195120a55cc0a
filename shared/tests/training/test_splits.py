from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.training.recipe import Split
from pipit.training.splits import Sides, check_groups, cut_by_group, split_samples

FOLDS = Split(rule="fold", test_folds=("4",), validation_folds=("3",))
GROUPS = Split(rule="group", test_share=0.2, validation_share=0.2)


def positions(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_the_folds_of_the_data_set_decide() -> None:
    folds = ["1", "4", "3", "", "2", "4"]
    sides = split_samples(FOLDS, ["a"] * 6, ["p", "q", "r", "s", "t", "u"], folds, seed=1)
    assert sides.test.tolist() == [1, 5]
    assert sides.validation.tolist() == [2]
    assert sides.train.tolist() == [0, 3, 4]


def test_groups_validate_beside_test_folds_and_who_is_like_a_test_sample_is_on_no_side() -> None:
    rule = Split(rule="fold", test_folds=("test",), validation_share=0.25)
    labels = ["a", "b"] * 100
    groups = [f"g{i // 4}" for i in range(200)]
    folds = ["test" if i < 18 else "train" for i in range(200)]
    sides = split_samples(rule, labels, groups, folds, seed=1)
    assert sides.test.tolist() == list(range(18))
    # The 19th and the 20th are of the group of the 17th, which tests.
    assert sorted([*sides.train, *sides.validation]) == list(range(20, 200))
    assert len(sides.validation) == pytest.approx(0.25 * 180, abs=4)
    check_groups(sides, groups)
    with pytest.raises(InvalidInput, match="nothing to train on beside the test folds"):
        split_samples(rule, labels, groups, ["test"] * 200, seed=1)


def test_a_recording_that_lies_in_two_folds_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="1 groups stand on more than one side of the split, for example torn"):
        split_samples(FOLDS, ["a"] * 3, ["torn", "torn", "r"], ["1", "4", "3"], seed=1)


@pytest.mark.parametrize(("one", "other"), [("train", "validation"), ("train", "test"), ("validation", "test")])
def test_every_pair_of_sides_is_compared(one: str, other: str) -> None:
    whole = {"train": positions(0), "validation": positions(1), "test": positions(2)}
    groups = ["x", "y", "z"]
    check_groups(Sides(**whole), groups)
    with pytest.raises(InvalidInput, match="stand on more than one side"):
        check_groups(Sides(**{**whole, other: whole[one]}), groups)


def test_a_side_without_samples_is_refused() -> None:
    with pytest.raises(InvalidInput, match="leaves no validation samples"):
        split_samples(FOLDS, ["a"] * 2, ["p", "q"], ["1", "4"], seed=1)


def test_shares_and_classes_are_kept_as_far_as_groups_allow() -> None:
    labels = ["often"] * 160 + ["rare"] * 40
    groups = [f"{label}-{i // 2}" for i, label in enumerate(labels)]
    sides = split_samples(GROUPS, labels, groups, [""] * 200, seed=3)
    for side in (sides.validation, sides.test):
        counts = Counter(labels[i] for i in side)
        assert 28 <= counts["often"] <= 36
        assert 6 <= counts["rare"] <= 10


def test_a_share_over_one_half_is_kept() -> None:
    rule = Split(rule="group", test_share=0.6, validation_share=0.2)
    sides = split_samples(rule, ["a"] * 100, [str(i) for i in range(100)], [""] * 100, seed=1)
    assert 45 <= len(sides.test) <= 68
    assert len(sides.test) > len(sides.train)


def test_the_seed_decides() -> None:
    labels, groups, folds = ["a", "b"] * 30, [str(i) for i in range(60)], [""] * 60
    first, again, other = (split_samples(GROUPS, labels, groups, folds, seed) for seed in (1, 1, 2))
    assert first.test.tolist() == again.test.tolist()
    assert first.test.tolist() != other.test.tolist()


def test_one_group_can_not_be_split() -> None:
    with pytest.raises(InvalidInput, match="all samples are of one group"):
        split_samples(GROUPS, ["a"] * 9, ["g"] * 9, [""] * 9, seed=1)


def test_too_few_samples_of_every_class_are_refused() -> None:
    with pytest.raises(InvalidInput, match="every class has fewer than"):
        split_samples(GROUPS, ["a", "b", "c"], ["1", "2", "3"], [""] * 3, seed=1)


@settings(deadline=None, max_examples=60)
@given(
    groups=st.lists(st.integers(0, 25).map(str), min_size=12, max_size=120),
    classes=st.integers(1, 4),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_no_group_is_torn_and_no_sample_is_lost(
    groups: list[str], classes: int, seed: int, data: st.DataObject
) -> None:
    labels = data.draw(st.lists(st.sampled_from("abcd"[:classes]), min_size=len(groups), max_size=len(groups)))
    try:
        sides = split_samples(GROUPS, labels, groups, [""] * len(groups), seed)
    except InvalidInput:
        return  # too few groups or samples: refused, not split badly
    everything = np.concatenate([sides.train, sides.validation, sides.test])
    assert sorted(everything.tolist()) == list(range(len(groups)))
    held = [{groups[i] for i in side} for side in (sides.train, sides.validation, sides.test)]
    assert not (held[0] & held[1])
    assert not (held[0] & held[2])
    assert not (held[1] & held[2])


def test_one_side_is_cut_off_without_tearing_a_group() -> None:
    labels = ["a", "b"] * 50
    groups = [str(i // 4) for i in range(100)]
    rest, cut = cut_by_group(0.2, labels, groups, seed=1)
    assert sorted([*rest.tolist(), *cut.tolist()]) == list(range(100))
    assert len(cut) == 20
    assert not {groups[i] for i in rest} & {groups[i] for i in cut}
    assert Counter(labels[i] for i in cut) == {"a": 10, "b": 10}
