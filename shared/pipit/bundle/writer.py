"""Makes a bundle directory: whole or not at all, and never a second time.

check the manifest  ->  copy beside  ->  signature  ->  bundle.yaml last  ->  read back  ->  rename
"""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipit.bundle.manifest import MANIFEST_FILE, SIGNATURE_FILE, FileEntry, Manifest
from pipit.bundle.manifest_file import dump_manifest
from pipit.bundle.reader import Bundle, open_bundle
from pipit.bundle.signing import sign
from pipit.errors import AlreadyExists
from pipit.files import (
    beside,
    open_atomically,
    room_for,
    sha256_bytes,
    sha256_file,
    sync_folder,
    write_atomically,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def write_bundle(
    directory: Path,
    manifest: Manifest,
    files: Mapping[str, Path | bytes],
    signing_key: Ed25519PrivateKey | None = None,
) -> Bundle:
    """Makes a bundle of `files` in `directory`, which must not exist yet or be empty; its parent must exist.

    manifest: its `files` are replaced by the digests of `files`. files: content, or where to copy it from, by path
    inside the bundle. Raises AlreadyExists, InvalidInput for a manifest that is wrong, Unavailable when the disk is
    full, OSError for a source that can't be read. Whatever is raised, nothing is left behind.
    """
    if directory.exists() and not _is_empty_folder(directory):
        raise _taken(directory)
    entries = {relative: _describe(source) for relative, source in files.items()}
    manifest = manifest.model_copy(update={"files": entries})
    manifest_bytes = dump_manifest(manifest)
    part = beside(directory)
    try:
        with room_for(directory):
            part.mkdir()
            for relative, source in files.items():
                _copy(source, part / relative)
            if signing_key is not None:
                write_atomically(part / SIGNATURE_FILE, sign(signing_key, manifest_bytes))
            write_atomically(part / MANIFEST_FILE, manifest_bytes)
        # A source that changed between its digest and its copy shows here, while nobody can see the bundle yet.
        bundle = open_bundle(part, [signing_key.public_key()] if signing_key else [])
        _move(part, directory)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return dataclasses.replace(bundle, path=directory)


def _describe(source: Path | bytes) -> FileEntry:
    if isinstance(source, bytes):
        return FileEntry(sha256=sha256_bytes(source), size=len(source))
    return FileEntry(sha256=sha256_file(source), size=source.stat().st_size)


def _copy(source: Path | bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_atomically(target) as stream:
        if isinstance(source, bytes):
            stream.write(source)
        else:
            with source.open("rb") as content:
                shutil.copyfileobj(content, stream, 1 << 20)


def _move(part: Path, directory: Path) -> None:
    try:
        # Replaces an empty folder, never one with content: of two racing writers the second fails here.
        os.rename(part, directory)  # noqa: PTH104
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise _taken(directory) from error
        raise
    sync_folder(directory.parent)


def _is_empty_folder(directory: Path) -> bool:
    return directory.is_dir() and not any(directory.iterdir())


def _taken(directory: Path) -> AlreadyExists:
    return AlreadyExists(f"{directory} exists; a bundle is never changed, write the new one elsewhere")
