from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from ad_detection.channels.drawing import kind_of
from ad_detection.channels.recordings import Size
from ad_detection.frames.data import check_folder, read_examples
from ad_detection.frames.synthetic import write_frames
from ad_detection.labelled_frames import Frame, read_frames, require_labels
from pipit.data.frames.manifest import read_manifest
from pipit.data.spans.read import read_spans
from pipit.errors import InvalidInput
from pipit.training.recipe import Split

BY_CHANNEL = Split(rule="fold", test_folds=("channel7",), validation_share=0.2)


def test_frames_have_the_label_of_their_time(channels: Path) -> None:
    folder = channels / "synthetic_frames"
    listing = read_frames(folder, "synthetic_frames")
    rows = {row.file: row for row in read_manifest(folder)}
    spans = read_spans(folder / "labels.csv", "ad")
    assert len(listing.items) == 4 * 2 * 80
    for frame in listing.items:
        row = rows[frame.path.relative_to(folder).as_posix()]
        assert frame.label == spans.label_at(row.recording, row.seconds)
        assert frame.name == f"synthetic_frames/{frame.path.relative_to(folder).as_posix()}"
    assert listing.files.keys() >= {"synthetic_frames/frames.csv", "synthetic_frames/labels.csv"}


def test_a_channel_that_tests_is_on_no_other_side(channels: Path) -> None:
    frames = read_frames(channels / "synthetic_frames", rule=BY_CHANNEL).items
    sides: dict[str, set[str]] = {}
    for frame in frames:
        assert isinstance(frame, Frame)
        sides.setdefault(frame.side, set()).add(frame.programme)
    assert sides["test"] == {"programme street_7_0", "programme studio_7_1"}
    assert len(sides["validation"]) + len(sides["train"]) == 6
    assert sides["train"].isdisjoint(sides["validation"])


def test_folders_by_class_are_read_too(channels: Path, tmp_path: Path) -> None:
    for label in ("ad", "content", "other"):
        (tmp_path / "mine" / label).mkdir(parents=True)
    source = min((channels / "synthetic_frames").glob("*/*.jpg"))
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
    write_frames(folder, Size(channels=(1,), programmes=1, seconds=100.0, fps=Fraction(1, 10), sound=False))
    (folder / "labels.csv").unlink()
    (folder / "channel1").mkdir()
    (folder / "channel1" / "pitch_1_0-1.edl").write_text("25.0\t55.0\t3\n")
    labels = [frame.label for frame in read_frames(folder).items]
    assert labels == ["content"] * 3 + ["ad"] * 3 + ["content"] * 4


def test_a_picture_that_was_taken_away_is_told_of(channels: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    shutil.copytree(channels / "synthetic_frames", folder)
    min(folder.glob("channel1_pitch_1_0*/*.jpg")).unlink()
    (problem,) = read_frames(folder).problems
    assert "1 pictures of its frames.csv are not there" in problem


def test_examples_are_of_programmes(channels: Path) -> None:
    found = read_examples(channels / "synthetic_frames", None)  # type: ignore[arg-type]  # It has no say here.
    assert {one.group for one in found.examples} == {
        f"programme {kind_of(c * 1000 + p)}_{c}_{p}" for c in (1, 2, 3, 7) for p in (0, 1)
    }
