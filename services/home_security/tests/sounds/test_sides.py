from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from home_security.sounds.classes import choose_labels
from home_security.sounds.dataset import Clip, read_dataset
from home_security.sounds.sides import describe, split_clips
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.training.recipe import Split

GROUPS = Split(rule="group")


def _clips(recordings: int, takes: int, categories: tuple[str, ...] = ("dog", "siren", "rain")) -> list[Clip]:
    return [
        Clip(
            Path(f"{category}_{recording}_{take}"), f"{category}_{recording}_{take}", category, f"{category}{recording}"
        )
        for category in categories
        for recording in range(recordings)
        for take in range(takes)
    ]


@given(recordings=st.integers(6, 15), takes=st.integers(1, 4), seed=st.integers(0, 1000))
def test_no_recording_is_on_two_sides_and_every_clip_on_one(recordings: int, takes: int, seed: int) -> None:
    clips = _clips(recordings, takes)
    sides = split_clips(GROUPS, clips, choose_labels(["dog", "siren", "rain"], "security"), seed)
    parts = [{clip.recording for clip in side} for side in (sides.train, sides.validation, sides.test)]
    assert [a & b for a, b in combinations(parts, 2)] == [set()] * 3
    assert sorted(clip.name for clip in (*sides.train, *sides.validation, *sides.test)) == sorted(c.name for c in clips)


def test_clips_that_may_only_train_never_test_and_never_train_beside_a_tested_take() -> None:
    clips = _clips(8, 2)
    labels = choose_labels(["dog", "siren", "rain"], "security")
    tested = split_clips(GROUPS, clips, labels, 1).test[0].recording
    extra = [
        Clip(Path("new"), "new", "dog", "another", train_only=True),
        Clip(Path("leak"), "leak", "dog", tested, train_only=True),
    ]
    sides = split_clips(GROUPS, [*clips, *extra], labels, 1)
    names = {clip.name for clip in sides.train}
    assert "new" in names
    assert "leak" not in {clip.name for clip in (*sides.train, *sides.validation, *sides.test)}


def test_folds_are_kept(synthetic: Path) -> None:
    clips = read_dataset(synthetic, "esc50", {}).clips
    rule = Split(rule="fold", test_folds=("4",), validation_folds=("5",))
    sides = split_clips(rule, clips, choose_labels((clip.category for clip in clips), "security"), 1)
    assert {clip.fold for clip in sides.test} == {"4"}
    assert {clip.fold for clip in sides.validation} == {"5"}
    assert {clip.fold for clip in sides.train} == {"1", "2", "3"}
    assert describe(rule, 1) == "folds 4 test, folds 5 validate, others train"


def test_a_security_class_that_would_not_be_trained_stops_the_split() -> None:
    clips = [Clip(Path(str(i)), str(i), "rain", str(i), fold=str(i % 3)) for i in range(9)]
    clips += [Clip(Path("s"), "s", "siren", "s", fold="0")]
    rule = Split(rule="fold", test_folds=("0",), validation_folds=("1",))
    with pytest.raises(InvalidInput, match="siren"):
        split_clips(rule, clips, choose_labels(["rain", "siren"], "security"), 1)
