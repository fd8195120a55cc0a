from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from emotion.stress.own import read_own
from emotion.stress.synthetic import synthesise_faces
from pipit.errors import InvalidInput, NotFound

Write = Callable[..., None]
UNIT = (0.0, 1.0)


def test_videos_become_steps_with_the_scores_of_their_intervals(
    tmp_path: Path, write_table: Write, write_scores: Write
) -> None:
    frames = synthesise_faces(24, np.random.default_rng(1))
    write_table(tmp_path / "landmarks.npz", {"anna/monday.mp4": frames}, seconds_apart=0.25)
    write_scores(tmp_path, [("anna", "anna/monday.mp4", 1, 3, 6), ("anna", "anna/monday.mp4", 4, 6, 10)])
    listing = read_own(tmp_path, 1.0, (0.0, 10.0))
    (recording,) = listing.items
    assert listing.problems == ()
    assert set(listing.files) == {f"{tmp_path.name}/scores.csv", f"{tmp_path.name}/landmarks.npz"}
    assert recording.participant == f"{tmp_path.name}/anna"
    # Four frames a second; the last one of each is its step, and the larger of two faces.
    np.testing.assert_array_equal(recording.values[0], frames[3])
    np.testing.assert_array_equal(recording.values[2], frames[11])
    np.testing.assert_allclose(recording.score, [np.nan, 0.6, 0.6, np.nan, 1.0, 1.0])


def test_a_step_without_a_face_is_missing(tmp_path: Path, write_table: Write, write_scores: Write) -> None:
    frames = synthesise_faces(4, np.random.default_rng(1))
    frames[2:3] = 0.0
    write_table(tmp_path / "a.npz", {"v.mp4": frames}, seconds_apart=1.0)
    write_scores(tmp_path, [("anna", "v.mp4", 0, 4, 1)])
    (recording,) = read_own(tmp_path, 1.0, UNIT).items
    assert np.isnan(recording.values).all(axis=1).tolist() == [False, False, True, False]


def test_a_folder_of_pictures_is_a_recording_in_the_order_of_names(
    tmp_path: Path, write_table: Write, write_scores: Write
) -> None:
    frames = synthesise_faces(3, np.random.default_rng(1))
    pictures = {"ben/02.jpg": frames[1:2], "ben/01.jpg": frames[:1], "ben/03.jpg": np.zeros((1, 1536), np.float32)}
    write_table(tmp_path / "a.npz", pictures)
    write_scores(tmp_path, [("ben", "ben", 0, 10, 0.2)])
    (recording,) = read_own(tmp_path, 1.0, UNIT).items
    np.testing.assert_array_equal(recording.values[:2], frames[:2])
    assert np.isnan(recording.values[2]).all()
    np.testing.assert_allclose(recording.score, 0.2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("anna", "v.mp4", 5, 5, 1), "an interval from 5 to 5 s"),
        (("anna", "v.mp4", -1, 5, 1), "an interval from -1"),
        (("anna", "v.mp4", 0, "inf", 1), "an interval"),
        (("anna", "v.mp4", 0, "later", 1), "end_seconds is 'later', not a number"),
        (("anna", "v.mp4", 0, 5, 4), "score 4 lies outside of 0 to 1"),
        (("anna", "v.mp4", 0, 5, "nan"), "score nan lies outside"),
        (("anna", "v.mp4", 2, 9, 1), "overlaps that from 0 to 3 s"),
        (("bob", "v.mp4", 5, 9, 1), "the recording belongs to 'anna' already"),
        (("anna", "w.mp4", 5, 9, 1), "recording 'w.mp4' is in no landmark file"),
    ],
)
def test_bad_scores_are_named_by_their_line(
    tmp_path: Path, write_table: Write, write_scores: Write, row: tuple[object, ...], message: str
) -> None:
    write_table(tmp_path / "a.npz", {"v.mp4": synthesise_faces(4, np.random.default_rng(1))})
    write_scores(tmp_path, [("anna", "v.mp4", 0, 3, 1), row])
    listing = read_own(tmp_path, 1.0, UNIT)
    assert len(listing.items) == 1
    (problem,) = listing.problems
    assert message in problem
    assert "line 3" in problem or "w.mp4" in problem


def test_broken_and_missing_files_say_so(tmp_path: Path, write_table: Write, write_scores: Write) -> None:
    with pytest.raises(NotFound, match=r"scores\.csv is missing"):
        read_own(tmp_path, 1.0, UNIT)
    write_scores(tmp_path, [("anna", "v.mp4", 0, 3, 1)])
    with pytest.raises(NotFound, match="pipit data landmarks"):
        read_own(tmp_path, 1.0, UNIT)
    write_table(tmp_path / "a.npz", {"v.mp4": synthesise_faces(4, np.random.default_rng(1))})
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 half of a file")
    write_table(tmp_path / "c.npz", {"unscored.mp4": synthesise_faces(4, np.random.default_rng(2))})
    listing = read_own(tmp_path, 1.0, UNIT)
    assert len(listing.items) == 1
    assert [("b.npz" in p, "nobody scored 'unscored.mp4'" in p) for p in listing.problems] == [
        (True, False),
        (False, True),
    ]
    (tmp_path / "scores.csv").write_text("participant,recording,score\n")
    with pytest.raises(InvalidInput, match="no column start_seconds, end_seconds"):
        read_own(tmp_path, 1.0, UNIT)
