"""A zip file of labels and contents, unpacked without trust in what it says, and packed."""

from __future__ import annotations

import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.files import open_atomically

MOST_FILES = 100_000
_LONGEST_NAME, _LONGEST_PART = 1024, 255
"""Bytes: what file systems take, with room for the folder."""
MOST_BYTES = 8 << 30
"""Of what an archive unpacks to."""


@contextmanager
def opened(path: Path, most_bytes: int = MOST_BYTES, scratch: Path | None = None) -> Iterator[tuple[Path, Path | None]]:
    """Gives the folder that is meant, and the file in it that was named, where one was.

    path: a folder, a zip file, or a list of labels that lies beside its contents. A zip is unpacked to a folder that
    vanishes at the end, in `scratch` or the system's own. Raises NotFound, InputTooLarge, InvalidInput for a damaged or
    dangerous archive.
    """
    if path.is_dir():
        yield path, None
    elif not path.is_file():
        raise NotFound(f"there is no file or folder {path}")
    elif not zipfile.is_zipfile(path):
        yield path.parent, path
    else:
        with tempfile.TemporaryDirectory(prefix="pipit-import-", dir=scratch) as temporary:
            folder = Path(temporary) / "unpacked"
            folder.mkdir()
            _unpack(path, folder, most_bytes)
            inside = [entry for entry in folder.iterdir() if entry.name not in ("__MACOSX", ".DS_Store")]
            # Many programs pack the folder and not what is in it; a lone class folder holds no folders and no lists.
            whole = inside[0] if len(inside) == 1 and inside[0].is_dir() and _is_wrapper(inside[0]) else folder
            yield whole, None


def pack(folder: Path, archive: Path) -> None:
    """Writes what `folder` holds as a zip file: whole, or not at all. Media are compressed already, so it is stored."""
    with open_atomically(archive) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder).as_posix())


def _is_wrapper(folder: Path) -> bool:
    return any(entry.is_dir() or entry.suffix.lower() in (".csv", ".json", ".jsonl", ".yaml", ".yml", ".edl")
               for entry in folder.iterdir())  # fmt: skip


def _unpack(archive: Path, folder: Path, most_bytes: int) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if len(members) > MOST_FILES:
                raise InputTooLarge(f"{archive.name} holds {len(members)} files; bring at most {MOST_FILES} at once")
            size = sum(member.file_size for member in members)
            if size > most_bytes:
                raise InputTooLarge(
                    f"{archive.name} unpacks to {size / 1e6:.0f} MB; bring at most {most_bytes / 1e6:.0f} MB at once"
                )
            for member in members:
                target = folder / _safe(archive, member.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                # zipfile stops at the size that the member claims, and checks its CRC.
                with packed.open(member) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidInput(f"{archive.name} is damaged, or packed in a way that is not known: {error}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise InvalidInput(f"{archive.name} holds two files of one name") from error


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise InvalidInput(f"{archive.name} holds {name[:100]!r}, which would lie outside of its folder")
    if len(name.encode()) > _LONGEST_NAME or any(len(part.encode()) > _LONGEST_PART for part in path.parts):
        raise InvalidInput(f"{archive.name} holds a file whose name is too long: {name[:100]!r}…")
    return path
