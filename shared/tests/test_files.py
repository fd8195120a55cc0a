from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import Unavailable
from pipit.files import beside, open_atomically, room_for, sha256_bytes, sha256_file, write_atomically


def test_digest_is_the_standard_one() -> None:
    # FIPS 180-4, example "abc".
    assert sha256_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.binary(max_size=2000))
def test_file_and_bytes_have_the_same_digest(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("digest") / "file"
    path.write_bytes(data)
    assert sha256_file(path) == sha256_bytes(data) == hashlib.sha256(data).hexdigest()


def test_write_replaces_the_content_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_mode_is_that_which_was_asked_for(tmp_path: Path) -> None:
    write_atomically(tmp_path / "secret", b"x", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_content(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def write_half() -> None:
        with open_atomically(path) as stream:
            stream.write(b"ne")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_the_old_content_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with open_atomically(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_names_beside_are_hidden_and_never_the_same(tmp_path: Path) -> None:
    names = {beside(tmp_path / "file").name for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith(".file.") for name in names)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_unavailable_and_says_what_to_do(number: int) -> None:
    with (
        pytest.raises(Unavailable, match=r"^weights can't be written: .*; free some space"),
        room_for(Path("a/weights")),
    ):
        raise OSError(number, os.strerror(number))


def test_other_errors_of_the_system_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "no-such-folder" / "file", b"x")


def test_a_file_size_limit_leaves_the_old_content(tmp_path: Path) -> None:
    """The kernel itself cuts the write short: works without any right."""
    write_atomically(tmp_path / "file", b"old")
    script = """
import pathlib, resource, sys
from pipit.files import write_atomically
from pipit.errors import Unavailable
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_atomically(pathlib.Path(sys.argv[1]), b"n" * 100_000)
except Unavailable as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "file")], check=True, capture_output=True, text=True
    )
    assert "free some space" in done.stdout
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
