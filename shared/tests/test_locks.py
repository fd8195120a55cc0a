from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest
from pipit.locks import SharedLock, exclusive_lock, try_exclusive_lock


def held_open(path: Path) -> bool:
    """Whether this process holds the file open; threads that earlier tests left open and close others meanwhile."""
    targets = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.add(descriptor.readlink())
    return path in targets


def test_who_shares_a_lock_keeps_others_from_having_it_alone(tmp_path: Path) -> None:
    first, second = SharedLock(tmp_path / "lock"), SharedLock(tmp_path / "lock")
    first.release()
    with try_exclusive_lock(tmp_path / "lock") as held:
        assert not held
    second.release()
    second.release()
    with try_exclusive_lock(tmp_path / "lock") as held:
        assert held
        with try_exclusive_lock(tmp_path / "lock") as again:
            assert not again


@pytest.mark.parametrize("take", [SharedLock, lambda path: exclusive_lock(path).__enter__()])
def test_a_lock_that_can_not_be_had_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: object
) -> None:
    """As on a network's file system without locks."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("pipit.locks.fcntl.flock", refuse)
    with pytest.raises(OSError, match="No locks available") as caught:
        take(tmp_path / "lock")  # type: ignore[operator]
    assert (tmp_path / "lock").exists()
    assert not held_open((tmp_path / "lock").resolve())
    assert caught.value.errno == errno.ENOLCK


def test_one_place_knows_how_a_lock_is_taken_and_how_a_file_is_digested() -> None:
    shared = Path(__file__).parents[1] / "pipit"
    sources = {path.relative_to(shared).as_posix(): path.read_text("utf-8") for path in shared.rglob("*.py")}
    assert [name for name, text in sources.items() if "import fcntl" in text] == ["locks.py"]
    assert [name for name, text in sources.items() if "hashlib.file_digest" in text] == ["files.py"]
    assert [name for name, text in sources.items() if '".mkv"' in text] == ["inputs/suffixes.py"]
