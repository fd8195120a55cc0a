from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput, NotFound
from pipit.landmarks.files import (
    LandmarkTable,
    Sources,
    join_tables,
    keep_sources,
    read_landmarks,
    write_landmarks,
)


def table(files: list[str], faces: list[int], seed: int = 0) -> LandmarkTable:
    """faces: rows of each file; -1 for a file that can't be read."""
    random = np.random.default_rng(seed)
    rows = sum(max(0, count) for count in faces)
    return LandmarkTable(
        features=random.random((rows, 1536), np.float32),
        source=np.repeat(np.arange(len(files)), np.maximum(faces, 0)).astype(np.int32),
        seconds=np.full(rows, np.nan),
        face=np.concatenate([np.arange(max(0, count)) for count in faces] or [[]]).astype(np.int32),
        presence=random.random(rows, np.float32),
        body_presence=random.random(rows, np.float32),
        box=random.random((rows, 4), np.float32),
        sources=Sources(
            file=np.array(files, np.str_),
            size=np.arange(len(files)),
            modified=np.arange(len(files)),
            pictures=np.array([int(count >= 0) for count in faces], np.int32),
            empty=np.array([int(count == 0) for count in faces], np.int32),
            problem=np.array(["damaged" if count < 0 else "" for count in faces], np.str_),
        ),
        options={"faces": None},
    )


def same(one: LandmarkTable, other: LandmarkTable) -> None:
    for field in dataclasses.fields(LandmarkTable):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "sources":
            for part in dataclasses.fields(Sources):
                np.testing.assert_array_equal(getattr(mine, part.name), getattr(theirs, part.name))
        elif field.name == "options":
            assert mine == theirs
        else:
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("faces", [[1, 0, 2, -1], [0, 0, 0, 0], [-1, -1, -1, -1]])
def test_what_is_written_is_read(tmp_path: Path, faces: list[int]) -> None:
    written = table(["a/b.jpg", "c.png", "d.jpg", "schön 1.webp"], faces)
    write_landmarks(tmp_path / "faces.npz", written)
    same(read_landmarks(tmp_path / "faces.npz"), written)
    assert [path.name for path in tmp_path.iterdir()] == ["faces.npz"]


def test_columns_that_are_asked_for_most() -> None:
    made = table(["b.jpg", "c.png", "d.jpg"], [2, 0, -1])
    assert made.file.tolist() == ["b.jpg", "b.jpg"]
    assert made.without_face == ["c.png"]
    assert made.problems == {"d.jpg": "damaged"}


def test_joined_tables_are_sorted_and_lose_nothing() -> None:
    late, early = table(["d.jpg", "z.jpg"], [1, 2], seed=1), table(["a.jpg", "k.jpg"], [3, 0], seed=2)
    joined = join_tables([late, early])
    assert joined.sources.file.tolist() == ["a.jpg", "d.jpg", "k.jpg", "z.jpg"]
    assert joined.file.tolist() == ["a.jpg"] * 3 + ["d.jpg"] + ["z.jpg"] * 2
    np.testing.assert_array_equal(joined.features, np.concatenate([early.features, late.features]))
    assert joined.face.tolist() == [0, 1, 2, 0, 0, 1]


@given(
    faces=st.lists(st.integers(-1, 3), min_size=1, max_size=8),
    wanted=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_parting_and_joining_gives_the_same_table(faces: list[int], wanted: list[bool]) -> None:
    whole = table([f"{number}.jpg" for number in range(len(faces))], faces)
    mask = np.array(wanted[: len(faces)])
    same(join_tables([keep_sources(whole, mask), keep_sources(whole, ~mask)]), whole)


def test_a_file_that_is_not_there_or_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="pipit data landmarks"):
        read_landmarks(tmp_path / "faces.npz")
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", features=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("text.npz", "other.npz", "array.npy", "empty.npz"):
        with pytest.raises(InvalidInput, match="not a landmark file"):
            read_landmarks(tmp_path / name)


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "faces.npz"
    write_landmarks(path, table(["a.jpg"], [1]))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="make it anew"):
        read_landmarks(path)


@pytest.mark.parametrize(("change", "message"), [
    ({"features": np.zeros((1, 7), np.float32)}, r"features must be float32 of shape \(1, 1536\), not float32"),
    ({"presence": np.zeros(2, np.float32)}, r"presence must be float32 of shape \(1,\)"),
    ({"face": np.zeros(1, np.float64)}, "face must be int32"),
    ({"source_problem": np.zeros(3, np.str_)}, r"source_problem must be .* of shape \(1,\)"),
    ({"source": np.array([1], np.int32)}, "points to files that are not listed"),
    ({"feature_names": np.array(["x"])}, "other features"),
    ({"format": np.array("pipit landmarks 9")}, "not a landmark file"),
    ({"options": np.array("{")}, "damaged"),
    ({"presence": None}, "damaged"),
])  # fmt: skip
def test_a_file_of_another_layout_is_named(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    path = tmp_path / "faces.npz"
    write_landmarks(path, table(["a.jpg"], [1]))
    with np.load(path) as arrays:
        changed = {**{name: arrays[name] for name in arrays.files}, **change}
    np.savez(path, **{name: values for name, values in changed.items() if values is not None})
    with pytest.raises(InvalidInput, match=message):
        read_landmarks(path)
