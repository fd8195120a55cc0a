"""A disk that is really full: a file system in memory of 256 KiB. Needs the right to mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipit.bundle import Manifest, open_bundle, write_bundle
from pipit.bundle.signing import generate_key, save_private_key
from pipit.errors import Unavailable
from pipit.files import write_atomically


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def test_a_file_keeps_its_old_content(small_disk: Path) -> None:
    write_atomically(small_disk / "file", b"old")
    free = free_bytes(small_disk)
    with pytest.raises(Unavailable, match=r"^file can't be written: No space left on device; free some space"):
        write_atomically(small_disk / "file", bytes(1 << 20))
    assert (small_disk / "file").read_bytes() == b"old"
    assert os.listdir(small_disk) == ["file"]  # noqa: PTH208
    assert free_bytes(small_disk) == free


def test_a_bundle_that_does_not_fit_leaves_nothing_and_fits_later(
    small_disk: Path,
    draft: Manifest,
    bundle_files: dict[str, Path | bytes],
    everything_below: Callable[[Path], set[str]],
) -> None:
    (small_disk / "other").write_bytes(bytes(100 << 10))
    free = free_bytes(small_disk)
    files = {**bundle_files, "report/plot.png": bytes(200 << 10)}
    with pytest.raises(Unavailable, match=r"can't be written: No space left on device; free some space"):
        write_bundle(small_disk / "new", draft, files)
    assert everything_below(small_disk) == {"other"}
    assert free_bytes(small_disk) == free
    (small_disk / "other").unlink()
    assert write_bundle(small_disk / "new", draft, files) == open_bundle(small_disk / "new")


def test_a_key_that_does_not_fit_is_not_there(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(free_bytes(small_disk)))
    with pytest.raises(Unavailable, match="free some space"):
        save_private_key(generate_key(), small_disk / "signing.pem")
    assert os.listdir(small_disk) == ["other"]  # noqa: PTH208
