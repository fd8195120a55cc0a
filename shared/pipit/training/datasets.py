"""What a data set is, as one digest: the same files give the same digest on every machine, wherever they lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pipit.errors import NotFound
from pipit.files import sha256_bytes, sha256_file, write_atomically

_Entry = tuple[int, int, str]
"""Size in bytes, time of the last change in ns, SHA-256."""


def listing_digest(digests: Mapping[str, str]) -> str:
    """SHA-256 over names and digests, in the order of the names. The digest of a data set, given its files'."""
    # As JSON, so that no name can pass for several.
    return sha256_bytes(json.dumps(sorted(digests.items())).encode())


def file_digests(files: Mapping[str, Path], remembered: Path | None = None) -> dict[str, str]:
    """SHA-256 of each file, by the same names. Raises NotFound that names the first missing file.

    remembered: a JSON file that keeps digests by path, size and time of change, so that only new files are read.
    """
    known = _read(remembered)
    digests: dict[str, str] = {}
    changed = False
    for name, path in files.items():
        key = str(path.resolve())
        try:
            stat = path.stat()
        except FileNotFoundError as error:
            raise NotFound(f"{path} is missing from the data set; fetch it again") from error
        entry = known.get(key)
        if entry is None or entry[:2] != (stat.st_size, stat.st_mtime_ns):
            entry = known[key] = (stat.st_size, stat.st_mtime_ns, sha256_file(path))
            changed = True
        digests[name] = entry[2]
    if remembered is not None and changed:
        write_atomically(remembered, json.dumps(known).encode())
    return digests


def _read(path: Path | None) -> dict[str, _Entry]:
    if path is None:
        return {}
    try:
        return {key: (size, time, digest) for key, (size, time, digest) in json.loads(path.read_bytes()).items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}  # It only saves time; what is lost or broken is made anew.
