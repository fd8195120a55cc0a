"""Fetches one file of a bundle; what is on the disk already is not fetched again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pipit.bundle import FileEntry
from pipit.errors import IntegrityError
from pipit.logging import get_logger
from pipit.registry.cancellation import Cancellation
from pipit.registry.client import RegistryClient

_PIECE = 1024 * 1024
_log = get_logger("registry.downloads")


def download_file(client: RegistryClient, entry: FileEntry, path: Path, cancellation: Cancellation) -> None:
    """Makes `path` hold just the content of `entry`, going on from what is in it already.

    What does not match is thrown away and fetched once more from its start. Raises IntegrityError if that does not
    match either, and what the client raises; then `path` keeps what came so far.
    """
    for _ in range(2):
        if _append(client, entry, path, cancellation) == entry.sha256:
            return
        path.unlink()
        _log.warning("download_does_not_match", digest=entry.sha256)
    raise IntegrityError(f"the registry's content of blob {entry.sha256} does not match its digest; publish it again")


def _append(client: RegistryClient, entry: FileEntry, path: Path, cancellation: Cancellation) -> str:
    """Gives the SHA-256 of what is in the file then; the empty text if there would be too much in it."""
    digest = hashlib.sha256()
    with path.open("a+b") as file:
        file.seek(0)
        while piece := file.read(_PIECE):
            digest.update(piece)
            if file.tell() > entry.size:
                return ""
        if file.tell() < entry.size:
            for piece in client.download(entry.sha256, file.tell(), cancellation):
                if file.tell() + len(piece) > entry.size:
                    return ""
                file.write(piece)
                digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
