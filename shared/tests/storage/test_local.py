"""What only a folder can meet: a full disk, an unmounted one, leftovers of a crash."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pipit.errors import AlreadyExists, InvalidInput, Unavailable
from pipit.files import link_or_copy
from pipit.locks import SharedLock
from pipit.storage import LocalStore


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_named_and_leaves_nothing(
    local: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = local.create("pointer", b"old")

    def open_on_full_disk(dir: Path) -> tuple[int, str]:  # noqa: A002 (mkstemp's own name)
        placeholder = dir / "placeholder"
        placeholder.touch()
        return os.open("/dev/full", os.O_WRONLY), str(placeholder)

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", open_on_full_disk)
        with pytest.raises(Unavailable, match="no space left"):
            local.create("blobs/ab", b"x" * 100_000)
        with pytest.raises(Unavailable, match="no space left"):
            local.replace("pointer", b"new", etag)

    assert list(local.list("")) == ["pointer"]
    assert local.read("pointer").data == b"old"
    assert list((tmp_path / "store/.pipit/writing").iterdir()) == []
    local.create("blobs/ab", b"fits")
    assert local.read("blobs/ab").data == b"fits"


def test_an_unmounted_disk_is_not_an_empty_store(local: LocalStore, tmp_path: Path) -> None:
    local.create("pointer", b"1")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    (tmp_path / "store").mkdir()

    for call in (local.check, lambda: local.read("pointer"), lambda: list(local.list(""))):
        with pytest.raises(Unavailable, match="mounted"):
            call()
    with pytest.raises(Unavailable, match="mounted"):
        local.create("pointer", b"2")

    (tmp_path / "store").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "store")
    local.check()
    assert local.read("pointer").data == b"1"


def test_leftovers_of_a_crash_are_not_listed(local: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "store/.pipit/writing/tmpabc").write_bytes(b"half")

    assert list(local.list("")) == []


def test_a_store_is_opened_again(local: LocalStore, tmp_path: Path) -> None:
    local.create("a/b", b"kept")

    assert LocalStore(tmp_path / "store").read("a/b").data == b"kept"


def test_an_object_is_no_folder(local: LocalStore) -> None:
    local.create("a", b"object")
    local.create("b/c", b"object")

    with pytest.raises(InvalidInput, match="needs a folder"):
        local.create("a/b", b"x")
    with pytest.raises(InvalidInput, match="needs a folder"):
        local.create("a/b/c", b"x")


def test_delete_takes_empty_folders_along(local: LocalStore, tmp_path: Path) -> None:
    local.create("uploads/ab/0", b"x")
    local.create("uploads/cd/0", b"x")

    local.delete("uploads/ab/0")

    assert sorted(path.name for path in (tmp_path / "store/uploads").iterdir()) == ["cd"]


def test_what_a_writer_that_died_left_goes_at_the_next_start(local: LocalStore, tmp_path: Path) -> None:
    writing = tmp_path / "store/.pipit/writing"
    for name in ("left", "young", "written"):
        (writing / name).write_bytes(b"half")
    for name in ("left", "written"):
        os.utime(writing / name, (0, 0))

    writer = SharedLock(writing / "written")
    LocalStore(tmp_path / "store")
    writer.release()

    assert sorted(path.name for path in writing.iterdir()) == ["written", "young"]
    LocalStore(tmp_path / "store")
    assert [path.name for path in writing.iterdir()] == ["young"]


def test_a_start_takes_nothing_from_a_slow_writer(local: LocalStore, tmp_path: Path) -> None:
    class Slow(io.BytesIO):
        """Somebody starts a store while this is written, and the clock says that it took long."""

        def read(self, size: int | None = -1) -> bytes:
            for path in (tmp_path / "store/.pipit/writing").iterdir():
                os.utime(path, (0, 0))
            LocalStore(tmp_path / "store")
            return super().read(size)

    local.create("blobs/slow", Slow(b"content"))

    assert local.read("blobs/slow").data == b"content"


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that gives no file a second name, as FAT, exFAT and SMB."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_a_file_system_without_hard_links_keeps_its_promises(local: LocalStore, tmp_path: Path) -> None:
    local.create("models/a.json", b"first")
    with pytest.raises(AlreadyExists, match=r"object models/a\.json exists already"):
        local.create("models/a.json", b"second")
    assert local.read("models/a.json").data == b"first"
    assert list(local.list("")) == ["models/a.json"]
    assert list((tmp_path / "store/.pipit/writing").iterdir()) == []


@pytest.mark.usefixtures("no_links")
def test_of_many_that_create_one_object_one_wins_without_links_too(local: LocalStore) -> None:
    def create(number: int) -> bool:
        try:
            local.create("pointer", str(number).encode())
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, mine in enumerate(pool.map(create, range(40))) if mine]
    assert [local.read("pointer").data] == [str(number).encode() for number in won]


@pytest.mark.usefixtures("no_links")
def test_a_copy_stands_in_for_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"weights"
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / "gone", tmp_path / "c")
