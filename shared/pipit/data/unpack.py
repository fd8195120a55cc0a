"""A zip file from elsewhere, unpacked without trust in what it says: names, sizes and contents are all checked."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pipit.data.sources import ArchiveSource
from pipit.errors import IntegrityError, Unavailable

_PIECE = 1 << 20


def has_pinned_content(archive: Path, source: ArchiveSource) -> bool:
    """Whether the files in it are the pinned ones, however they are packed."""
    try:
        with zipfile.ZipFile(archive) as packed:
            lines = []
            for path, member in _members(packed, source):
                if re.fullmatch(source.checked, path):
                    # MD5 is what was published; nobody can make another file to a given MD5, only pairs of files.
                    digest = hashlib.md5(usedforsecurity=False)
                    for piece in _pieces(packed, member):
                        digest.update(piece)
                    lines.append((path, digest.hexdigest()))
    except (zipfile.BadZipFile, IntegrityError):
        return False
    text = "".join(f"{digest}  {path}\n" for path, digest in sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest() == source.content_digest


def unpack(archive: Path, source: ArchiveSource, folder: Path) -> list[Path]:
    """Writes the wanted members into `folder`, a new one, and gives their paths.

    Only paths that `source.members` matches are written, so nothing can land outside of `folder`. Raises
    IntegrityError for a damaged archive or one that unpacks to more than it should, Unavailable if the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    written = []
    try:
        with zipfile.ZipFile(archive) as packed:
            for path, member in _members(packed, source):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    for piece in _pieces(packed, member):
                        file.write(piece)
                written.append(target)
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"{archive.name} is damaged ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise Unavailable(f"can't unpack to {folder}: {error.strerror or error}") from error
    if not written:
        raise IntegrityError(f"{archive.name} holds none of the files that {source.folder} consists of")
    return written


def _members(packed: zipfile.ZipFile, source: ArchiveSource) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    room = source.max_unpacked_size
    for member in packed.infolist():
        path = member.filename.partition("/")[2]
        if member.is_dir() or not re.fullmatch(source.members, path):
            continue
        room -= member.file_size
        if room < 0:
            raise IntegrityError(
                f"{source.folder} claims to unpack to more than {source.max_unpacked_size / 1e9:.0f} GB"
            )
        yield path, member


def _pieces(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    # zipfile stops at the size that the member claims and checks its CRC.
    with packed.open(member) as file:
        while piece := file.read(_PIECE):
            yield piece
