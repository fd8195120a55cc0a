from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.data.frames.manifest import (
    MANIFEST,
    FrameRow,
    append_row,
    hash_of,
    hash_text,
    mend_manifest,
    read_manifest,
)
from pipit.data.frames.naming import folder_name, picture_name, printable
from pipit.errors import InvalidInput, NotFound, Unavailable

ROW = FrameRow("a/a.jpg", "a", "news", "one", 1.5, "", 0, hash_text(np.ones(63, bool)), 2)
words = st.text(max_size=20).map(printable)
rows = st.builds(
    FrameRow,
    file=words.filter(bool),
    recording=words.filter(bool),
    programme=words,
    channel=words,
    seconds=st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000),
    time=st.sampled_from(["", "2026-11-28T18:55:30.123Z"]),
    scene=st.integers(0, 10**6),
    hash=st.lists(st.booleans(), min_size=63, max_size=63).map(lambda bits: hash_text(np.array(bits))),
    lost=st.integers(0, 10**6),
)


@given(st.lists(rows, max_size=4), st.integers(0, 30), st.binary(max_size=3))
def test_what_was_written_is_read_and_a_torn_line_is_cut_off(kept: list[FrameRow], cut: int, zeros: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert mend_manifest(folder) == []
        for row in kept:
            append_row(folder, row)
        assert read_manifest(folder) == kept
        whole = (folder / MANIFEST).read_bytes()
        append_row(folder, ROW)
        line = (folder / MANIFEST).read_bytes()[len(whole) :]
        (folder / MANIFEST).write_bytes(whole + line[:cut] + bytes(len(zeros)))
        assert read_manifest(folder) == kept
        assert mend_manifest(folder) == kept
        assert (folder / MANIFEST).read_bytes() == whole


@given(st.lists(st.booleans(), min_size=63, max_size=63))
def test_a_hash_is_what_it_was(bits: list[bool]) -> None:
    assert hash_of(hash_text(np.array(bits))).tolist() == bits


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"a,b\n", "line 2 is damaged: not enough values"),
        (b"a,a,,,x,,0,fffffffffffffffe,0\n", "line 2 is damaged: could not convert string to float"),
        (b"a,a,,,1,,0,ff,0\n", "line 2 is damaged: 'ff' is no hash of 63 bits"),
        (b"a,a,,,nan,,0,fffffffffffffffe,0\n", "line 2 is damaged: it lacks a file, a recording or a time"),
        (b"\xff,a,,,1,,0,fffffffffffffffe,0\n", "line 2 is damaged: .* can't decode byte"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes, problem: str) -> None:
    mend_manifest(tmp_path)
    with (tmp_path / MANIFEST).open("ab") as file:
        file.write(line)
    append_row(tmp_path, ROW)
    for read in (read_manifest, mend_manifest):
        with pytest.raises(InvalidInput, match=problem):
            read(tmp_path)


def test_what_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"frames\.csv is missing; `pipit data frames --output .*` makes it"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text("name,age\nme,5\n")
    with pytest.raises(InvalidInput, match="is no list of frames: its first line has to be file,recording"):
        read_manifest(tmp_path)


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """The system lets the file grow by half a line and no more, as a full disk does."""
    mend_manifest(tmp_path)
    append_row(tmp_path, ROW)
    whole = (tmp_path / MANIFEST).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 10, hard))
    try:
        with pytest.raises(Unavailable, match=r"frames\.csv can't be written: .*; free some space and try again"):
            append_row(tmp_path, ROW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / MANIFEST).read_bytes() == whole
    append_row(tmp_path, ROW)
    assert read_manifest(tmp_path) == [ROW, ROW]


@given(st.sets(st.text(max_size=120), min_size=2, max_size=5))
def test_each_recording_has_a_folder_of_its_own_that_any_disk_takes(names: set[str]) -> None:
    recordings = {printable(name) for name in names}
    folders = [folder_name(recording) for recording in recordings]
    assert len(set(folders)) == len(folders)
    for folder in folders:
        assert 0 < len(folder.encode()) < 100
        assert "/" not in folder
        assert not folder.startswith((".", "-"))
        assert len(Path(picture_name(folder, 1e6)).parts) == 2


def test_pictures_are_named_by_their_time() -> None:
    assert picture_name("a", 3723.4567) == "a/a_01-02-03.457.jpg"
    assert picture_name("a", 59.9996) == "a/a_00-01-00.000.jpg"
