from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ad_detection.frames.data import check_folder, read_examples
from ad_detection.frames.synthetic import (
    LONGEST_BREAK,
    SHORTEST_BREAK,
    Size,
    frame_at,
    make_channel,
    make_parts,
    write_synthetic_set,
)
from ad_detection.labelled_frames import Frame, read_frames, require_labels
from PIL import Image
from pipit.data.spans.read import read_spans
from pipit.errors import InvalidInput
from pipit.training.recipe import Split

BY_CHANNEL = Split(rule="fold", test_folds=("channel4",), validation_share=0.2)


def test_frames_have_the_label_of_their_time(channels: Path) -> None:
    folder = channels / "synthetic_frames"
    listing = read_frames(folder, "synthetic_frames")
    spans = read_spans(folder / "labels.csv", "ad")
    assert len(listing.items) == 4 * 2 * 80
    for frame in listing.items:
        hours, minutes, seconds = frame.path.stem.rpartition("_")[2].split("-")
        moment = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        assert frame.label == spans.label_at(frame.path.parent.name, moment)
        assert frame.name == f"synthetic_frames/{frame.path.relative_to(folder).as_posix()}"
    assert listing.files.keys() >= {"synthetic_frames/frames.csv", "synthetic_frames/labels.csv"}


def test_a_channel_that_tests_is_on_no_other_side(channels: Path) -> None:
    frames = read_frames(channels / "synthetic_frames", rule=BY_CHANNEL).items
    sides: dict[str, set[str]] = {}
    for frame in frames:
        assert isinstance(frame, Frame)
        sides.setdefault(frame.side, set()).add(frame.programme)
    assert sides["test"] == {"programme programme4_0", "programme programme4_1"}
    assert len(sides["validation"]) + len(sides["train"]) == 6
    assert sides["train"].isdisjoint(sides["validation"])


def test_folders_by_class_are_read_too(channels: Path, tmp_path: Path) -> None:
    for label in ("ad", "content", "other"):
        (tmp_path / "mine" / label).mkdir(parents=True)
    source = next((channels / "synthetic_frames").glob("*/*.jpg"))
    for label in ("ad", "content", "other"):
        shutil.copy(source, tmp_path / "mine" / label / "1.jpg")
    assert [picture.label for picture in read_frames(tmp_path / "mine").items] == ["ad", "content", "other"]
    with pytest.raises(InvalidInput, match=r"labels other are neither ad nor content; .* rename: \{other: ad\}"):
        require_labels(read_frames(tmp_path / "mine"))
    renamed = require_labels(read_frames(tmp_path / "mine", rename={"other": "ad"}))
    assert [picture.label for picture in renamed.items] == ["ad", "content", "ad"]
    report = check_folder(tmp_path / "mine", lambda done, total: None)
    # The same picture three times is a leak that is told of.
    assert sum(note.startswith("nearly the same") for note in report.notes) == 3


def test_lists_of_a_recorder_name_breaks_and_the_rest_is_content(tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    write_synthetic_set(folder, Size(channels=(1,), programmes=1, seconds=100.0, step=10.0))
    (folder / "labels.csv").unlink()
    (folder / "SYNTHETIC.txt").unlink()
    (folder / "channel1_programme0.edl").write_text("25.0\t55.0\t3\n")
    labels = [frame.label for frame in read_frames(folder).items]
    assert labels == ["content"] * 3 + ["ad"] * 3 + ["content"] * 4


def test_a_picture_that_was_taken_away_is_told_of(channels: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    shutil.copytree(channels / "synthetic_frames", folder)
    next(folder.glob("channel1_programme0/*.jpg")).unlink()
    (problem,) = read_frames(folder).problems
    assert "1 pictures of its frames.csv are not there" in problem


def test_examples_are_of_programmes(channels: Path) -> None:
    found = read_examples(channels / "synthetic_frames", None)  # type: ignore[arg-type]  # It has no say here.
    assert {one.group for one in found.examples} == {
        f"programme programme{c}_{p}" for c in (1, 2, 3, 4) for p in (0, 1)
    }


def test_breaks_are_as_long_as_they_say() -> None:
    for channel in (1, 7, 101):
        parts = make_parts(channel, 0, 4000.0)
        assert parts[0].start == 0.0
        assert parts[-1].end == 4000.0
        assert all(one.end == other.start for one, other in pairwise(parts))
        contents = [place for place, part in enumerate(parts) if part.what == "content"]
        for first, following in pairwise(contents):
            inside = parts[first + 1 : following]
            assert SHORTEST_BREAK <= sum(part.end - part.start for part in inside) <= LONGEST_BREAK
            assert [inside[0].what, inside[-1].what] == ["promotion", "promotion"]
            assert {round(part.end - part.start) for part in inside[1:-1]} <= {15, 30, 60}


def test_without_its_logo_a_channel_differs_in_the_logo_alone() -> None:
    channel, parts = make_channel(3), make_parts(3, 0, 150.0)
    differing = [
        np.argwhere((frame_at(channel, parts, t) != frame_at(channel, parts, t, logo=False)).any(axis=2))
        for t in range(0, 140, 10)
    ]
    places = [places for places in differing if len(places)]
    assert places
    for found in places:
        height, width = np.ptp(found, axis=0)
        assert height < 40
        assert width < 100


def test_the_same_numbers_draw_the_same_pictures(tmp_path: Path) -> None:
    size = Size(channels=(2,), programmes=1, seconds=60.0, step=20.0)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_synthetic_set(tmp_path / name, size)
    one, other = (sorted((tmp_path / name).rglob("*")) for name in ("one", "other"))
    assert [path.name for path in one] == [path.name for path in other]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, other, strict=True) if a.is_file())
    with Image.open(next((tmp_path / "one").glob("*/*.jpg"))) as frame:
        assert frame.size == (320, 180)
