from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.training.data_manifest import data_manifest, differences, manifest_path, read_manifest, write_manifest
from pipit.training.datasets import listing_digest

NAMES = st.text("ab/", min_size=1, max_size=6)
DIGESTS = st.dictionaries(NAMES, st.text("0123456789abcdef", min_size=64, max_size=64), max_size=6)


def test_lies_beside_the_recipe() -> None:
    assert manifest_path(Path("configs/sounds-small.yaml")) == Path("configs/sounds-small.data.json")


def test_names_folders_and_no_files() -> None:
    files = {"esc50/a.wav": "1", "esc50/meta/b.csv": "2", "labels.csv": "3"}
    found = data_manifest(files)
    assert found.digest == listing_digest(files)
    assert {name: folder.files for name, folder in found.folders.items()} == {".": 1, "esc50": 2}
    assert found.folders["."].digest == listing_digest({"labels.csv": "3"})


@given(DIGESTS)
def test_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("manifest") / "t-r.data.json"
    write_manifest(path, data_manifest(files))
    assert read_manifest(path) == data_manifest(files)


@given(DIGESTS, DIGESTS)
def test_tells_what_differs_if_and_only_if_something_does(one: dict[str, str], other: dict[str, str]) -> None:
    assert (differences(data_manifest(one), data_manifest(other)) == []) == (one == other)


def test_says_how() -> None:
    before = data_manifest({"a/1": "1", "b/1": "1", "c/1": "1"})
    after = data_manifest({"a/1": "2", "b/1": "1", "b/2": "2", "d/1": "1"})
    assert differences(before, after) == [
        "a: 1 files in the manifest, of other content or names",
        "b: 1 files in the manifest, and 2 here",
        "c: missing; the manifest has 1 files",
        "d: 1 files here, none in the manifest",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no manifest of data"),
        ("[]", "is no manifest of data"),
        ('{"format": 1, "digest": "a"}', "write it anew by --data-manifest write"),
        ('{"format": 1, "digest": "a", "folders": {"b": 3}}', "is no manifest of data"),
        ('{"format": 2}', "is of a newer format, 2; update Pipit"),
    ],
)
def test_a_broken_one_is_told(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "sounds-small.data.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=says):
        read_manifest(path)
