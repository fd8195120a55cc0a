"""`pipit data fetch`: a data set or a pretrained network, in its place below the data folder.

A domain says in its `pyproject.toml` what it can fetch, by a name and a `Download`:

    [project.entry-points."pipit.downloads"]
    bird_songs = "my_domain.downloads:fetch_bird_songs"
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pipit.data.download import DownloadOptions, Progress, download, require_space
from pipit.data.sources import ArchiveSource
from pipit.data.unpack import has_pinned_content, unpack
from pipit.errors import AlreadyExists, NotFound
from pipit.files import sha256_file
from pipit.installed import how_to_install

_GROUP = "pipit.downloads"
_RECORD = "fetched.json"
"""Written last: where a folder has it, the data set is whole."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """path: the data set's folder or the network's file. already_there: nothing had to be fetched."""

    name: str
    path: Path
    files: int
    size: int
    licence: str
    already_there: bool


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """mirror: a base URL under which the files lie by their names. progress: see `download`."""

    mirror: str | None = None
    progress: Progress | None = None
    download: DownloadOptions | None = None


def fetch_archive(name: str, source: ArchiveSource, data: Path, options: FetchOptions) -> Fetched:
    """Fetches and unpacks a data set to `data`/`source.folder`.

    Raises AlreadyExists if something else lies there, and what `download` and `unpack` raise.
    """
    folder = data / source.folder
    record = folder / _RECORD
    if record.is_file():
        known = json.loads(record.read_text("utf-8"))
        files = [path for path in folder.rglob("*") if path.is_file() and path != record]
        if len(files) == known["files"] and sum(path.stat().st_size for path in files) == known["size"]:
            return Fetched(name, folder, known["files"], known["size"], source.licence, already_there=True)
        # Somebody took files away: put the data set back whole.
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise AlreadyExists(f"{folder} holds something else already; move it away or name another folder with --to")
    data.mkdir(parents=True, exist_ok=True)
    require_space(data, source.archive.size + source.unpacked_size)
    archive = data / source.archive.filename
    download(
        source.archive,
        archive,
        mirror=options.mirror,
        progress=options.progress,
        options=options.download,
        accept=lambda part: has_pinned_content(part, source),
    )
    partial = data / f"{source.folder}.partial"
    written = unpack(archive, source, partial)
    size = sum(path.stat().st_size for path in written)
    facts = {"source": source.page, "archive_sha256": sha256_file(archive), "files": len(written), "size": size}
    (partial / _RECORD).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    if folder.exists():
        folder.rmdir()
    partial.rename(folder)
    archive.unlink()
    return Fetched(name, folder, len(written), size, source.licence, already_there=False)


Download = Callable[[Path, FetchOptions], Fetched]
"""Fetches one thing below the data folder. Raises what `download` and `unpack` raise."""


def download_names() -> tuple[str, ...]:
    """What the installed domains can fetch, sorted."""
    return tuple(sorted(entry_points(group=_GROUP).names))


def load_download(name: str) -> Download:
    """Raises NotFound that says what there is."""
    for point in entry_points(group=_GROUP, name=name):
        found: Download = point.load()
        return found
    known = ", ".join(download_names()) or "none"
    raise NotFound(f"no installed domain can fetch {name!r} (there are: {known}); {how_to_install('', 'train')}")
