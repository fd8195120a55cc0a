from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations
from pathlib import Path

import pytest
from home_security.sounds.classes import choose_labels
from home_security.sounds.data import require_alarms, require_trained
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.training.by_input.audio.clips import Clip, split_clips
from pipit.training.recipe import Split
from pipit.training.sides import Entry, describe_split
from pipit.training.source_set import Listing

Read = Callable[..., Listing[Clip]]

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
    sides = split_clips(GROUPS, clips, seed)
    parts = [{clip.recording for clip in side} for side in sides.values()]
    assert [a & b for a, b in combinations(parts, 2)] == [set()] * 3
    assert sorted(clip.name for clip in chain(*sides.values())) == sorted(c.name for c in clips)


def test_clips_that_may_only_train_never_test_and_never_train_beside_a_tested_take() -> None:
    clips = _clips(8, 2)
    tested = split_clips(GROUPS, clips, 1)["test"][0].recording
    extra = [
        Clip(Path("new"), "new", "dog", "another", train_only=True),
        Clip(Path("leak"), "leak", "dog", tested, train_only=True),
    ]
    sides = split_clips(GROUPS, [*clips, *extra], 1)
    names = {clip.name for clip in sides["train"]}
    assert "new" in names
    assert "leak" not in {clip.name for clip in chain(*sides.values())}


def test_folds_are_kept(synthetic: Path, read_set: Read) -> None:
    clips = read_set(synthetic, "esc50").items
    rule = Split(rule="fold", test_folds=("4",), validation_folds=("5",))
    sides = split_clips(rule, clips, 1)
    assert {clip.fold for clip in sides["test"]} == {"4"}
    assert {clip.fold for clip in sides["validation"]} == {"5"}
    assert {clip.fold for clip in sides["train"]} == {"1", "2", "3"}
    assert describe_split(rule, 1, "recordings") == "folds 4 test, folds 5 validate, others train"


def test_a_security_class_that_would_not_be_trained_stops_the_split() -> None:
    entries = [Entry(str(i), "rain", str(i), ("train", "validation", "test")[i % 3]) for i in range(9)]
    labels = choose_labels(["rain", "siren"], "security")
    with pytest.raises(InvalidInput, match="nothing to train siren on"):
        require_trained([*entries, Entry("s", "siren", "s", "test")], labels)
    require_trained([*entries, Entry("s", "siren", "s", "train")], labels)
    with pytest.raises(InvalidInput, match="no security class"):
        require_alarms(choose_labels(["rain"], "security"))
