from __future__ import annotations

import shutil
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from ad_detection.flicker import flicker
from ad_detection.labelled_frames import Frame
from ad_detection.temporal.data import (
    CHUNK,
    check_folder,
    in_order,
    read_examples,
    read_timed_frames,
    steps_of,
)
from ad_detection.temporal.window import Steps
from pipit.bundle.manifest import Manifest, PipelineReference
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import InputSequence
from pipit.types import TimeSpan

from .conftest import BREAKS, SECONDS, write_recordings


class Said:
    """What of a manifest the reader looks at."""

    pipeline = PipelineReference(name="ad_detection.temporal", parameters={"frames": 5, "step_seconds": 1.0})


MANIFEST = cast("Manifest", Said)


def frames_of(folder: Path) -> list[Frame]:
    return in_order(read_timed_frames(folder).items)


def found_in(frames: list[Frame]) -> list[Any]:
    return steps_of([one.recording for one in frames], [one.seconds for one in frames], Steps())


def test_no_sequence_reaches_into_another_recording(recordings: Path) -> None:
    frames = frames_of(recordings / "synthetic_temporal")
    steps = found_in(frames)
    assert len(steps) == len(frames) == 8 * SECONDS
    for step in steps:
        assert step.places[-1] == step.place
        assert {frames[place].recording for place in step.places} == {frames[step.place].recording}
        assert {frames[place].programme for place in step.places} == {frames[step.place].programme}
        wanted = [max(0.0, frames[step.place].seconds - back) for back in (4, 3, 2, 1, 0)]
        assert [frames[place].seconds for place in step.places] == wanted


def test_no_sequence_reaches_across_a_gap(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path / "some", (1,), 1)
    gone = (20, 21, 40)
    for second in gone:
        next(folder.glob(f"*/{second:03d}.png")).unlink()
    frames = frames_of(folder)
    by_second = {
        frames[step.place].seconds: [frames[place].seconds for place in step.places] for step in found_in(frames)
    }
    assert by_second[22.0] == [22.0] * 5
    assert by_second[23.0] == [22.0, 22.0, 22.0, 22.0, 23.0]
    assert by_second[41.0] == [37.0, 38.0, 39.0, 39.0, 41.0]
    (problem,) = read_timed_frames(folder).problems
    assert "3 pictures of its frames.csv are not there" in problem


def test_pictures_without_times_are_refused(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "ad").mkdir(parents=True)
    shutil.copy(next((recordings / "synthetic_temporal").glob("*/*.png")), tmp_path / "mine" / "ad" / "1.png")
    with pytest.raises(InvalidInput, match=r"pictures without times, which make no sequences; .* --fps 1"):
        read_timed_frames(tmp_path / "mine")
    with pytest.raises(InvalidInput, match="pictures without times"):
        check_folder(tmp_path / "mine", lambda done, total: None)
    with pytest.raises(NotFound, match="is not a folder"):
        read_examples(tmp_path / "nothing", MANIFEST)


def test_a_check_tells_how_many_sequences_are_whole(recordings: Path, tmp_path: Path) -> None:
    report = check_folder(recordings / "synthetic_temporal", lambda done, total: None)
    assert report.problems == ()
    seconds = sum(end - start for start, end in BREAKS)
    assert report.classes == {"ad": 8 * seconds, "content": 8 * (SECONDS - seconds)}
    assert report.notes[0] == f"{8 * (SECONDS - 4)} of {8 * SECONDS} sequences have 5 frames of their own, a step apart"
    thin = write_recordings(tmp_path / "thin", (1,), 1)
    for path in thin.glob("*/*.png"):
        if int(path.stem) % 4:
            path.unlink()
    notes = check_folder(thin, lambda done, total: None).notes
    assert notes[0] == "0 of 17 sequences have 5 frames of their own, a step apart"
    assert notes[1].startswith("most sequences are made of repeated frames; take a frame a second")


def test_each_frame_is_asked_about_once_with_what_came_before(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path / "some", (1,), 1)
    for second in (40, 50, 51, 52):
        next(folder.glob(f"*/{second:03d}.png")).unlink()
    examples = read_examples(folder, MANIFEST).examples
    # A stretch is begun by parts of 1, 2, 3 and 4 frames; a step that lacks its frame is filled, and not asked about.
    lengths = [int(one.name.rpartition(", ")[2].split()[0]) for one in examples]
    assert lengths == [1, 2, 3, 4, 50, 1, 2, 3, 4, 12]
    assert {one.group for one in examples} == {"programme programme1_0"}
    labels: list[str] = []
    for one, length in zip(examples, lengths, strict=True):
        item = one.read()
        assert isinstance(item, InputSequence)
        assert len(item.items) == length
        assert one.label_at is not None
        ends = range(4, length) if length >= 5 else [length - 1]
        told = [one.label_at(TimeSpan(max(0.0, end - 4.0), float(end))) for end in ends]
        assert told.count(None) == (1 if length == 50 else 0)
        labels += [label for label in told if label is not None]
    wanted = [
        "ad" if any(start <= second < end for start, end in BREAKS) else "content"
        for second in range(SECONDS)
        if second not in (40, 50, 51, 52)
    ]
    assert labels == wanted


def test_long_recordings_are_asked_about_in_parts(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path / "some", (1,), 1)
    examples = read_examples(folder, MANIFEST).examples
    lengths = [int(one.name.rpartition(", ")[2].split()[0]) for one in examples]
    assert lengths == [1, 2, 3, 4, CHUNK + 4, 5]
    assert sum(length - 4 if length >= 5 else 1 for length in lengths) == SECONDS


def test_flicker_counts_changes_within_recordings_alone() -> None:
    seconds = np.tile(np.arange(0.0, 100.0), 2)
    recordings = np.repeat(np.array(["one", "other"], object), 100)
    truth = (seconds >= 50) & (recordings == "one")
    called = truth.copy()
    called[20:24] = True
    found = flicker(called, truth, recordings, seconds)
    hours = 2 * 99 / 3600
    assert found["true_switches_an_hour"].value == pytest.approx(1 / hours)
    assert found["switches_an_hour"].value == pytest.approx(3 / hours)
    assert found["flaps_an_hour"].value == pytest.approx(1 / hours)
    mixed = np.random.default_rng(1).permutation(200)
    assert flicker(called[mixed], truth[mixed], recordings[mixed], seconds[mixed]) == found
    # Frames that are further apart say nothing of what lay between them.
    assert flicker(called, truth, recordings, seconds * 9) == {}
    assert [len(list(group)) for _, group in groupby(recordings)] == [100, 100]
