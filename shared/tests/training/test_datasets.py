from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import NotFound
from pipit.training.datasets import file_digests, listing_digest

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"""`printf hello | sha256sum`"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    path.write_bytes(b"hello")
    return path


def rewrite(path: Path, content: bytes, nanoseconds_later: int) -> None:
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + nanoseconds_later))


def test_digests_are_those_of_the_content(file: Path) -> None:
    assert file_digests({"clip": file}) == {"clip": HELLO}


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(NotFound, match=r"b\.wav is missing from the data set"):
        file_digests({"a": file, "b": file.with_name("b.wav")})


def test_remembered_files_are_not_read_again(file: Path, tmp_path: Path) -> None:
    remembered = tmp_path / "digests.json"
    file_digests({"clip": file}, remembered)
    # Same size and time of change: only a look inside could tell, and there is none.
    rewrite(file, b"HELLO", nanoseconds_later=0)

    assert file_digests({"other name": file}, remembered) == {"other name": HELLO}


@pytest.mark.parametrize(("content", "later"), [(b"HELLO", 1), (b"hello!", 0)])
def test_a_changed_file_is_read_again(file: Path, tmp_path: Path, content: bytes, later: int) -> None:
    remembered = tmp_path / "digests.json"
    file_digests({"clip": file}, remembered)
    rewrite(file, content, later)

    changed = hashlib.sha256(content).hexdigest()
    assert file_digests({"clip": file}, remembered) == {"clip": changed}
    assert file_digests({"clip": file}, remembered) == {"clip": changed}


@given(content=st.one_of(st.binary(max_size=50), st.sampled_from([b"[]", b'{"a": 1}', b'{"a": [1, 2]}', b"null"])))
def test_a_broken_memory_is_made_anew(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("data")
    (folder / "a.wav").write_bytes(b"hello")
    remembered = folder / "digests.json"
    remembered.write_bytes(content)

    assert file_digests({"clip": folder / "a.wav"}, remembered) == {"clip": HELLO}
    assert [entry[2] for entry in json.loads(remembered.read_bytes()).values()] == [HELLO]


NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
LISTINGS = st.dictionaries(NAMES, st.text("0123456789abcdef", min_size=4, max_size=4), max_size=6)


@given(listing=LISTINGS, data=st.data())
def test_the_order_of_files_does_not_matter(listing: dict[str, str], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(listing.items()))))

    assert listing_digest(shuffled) == listing_digest(listing)


@given(one=LISTINGS, other=LISTINGS)
def test_other_files_have_another_digest(one: dict[str, str], other: dict[str, str]) -> None:
    assert (listing_digest(one) == listing_digest(other)) == (one == other)


def test_a_name_with_line_breaks_does_not_pass_for_two_files() -> None:
    assert listing_digest({"a\nbbbb  c": "aaaa"}) != listing_digest({"a": "aaaa", "c": "bbbb"})
