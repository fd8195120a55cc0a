"""`pipit data fetch`: a data set or a pretrained network, in its place below the data folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipit.data import sources
from pipit.data.download import DownloadOptions, Progress, download, require_space, sha256_of
from pipit.data.sources import ArchiveSource
from pipit.data.unpack import has_pinned_content, unpack
from pipit.errors import AlreadyExists, NotFound

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
    facts = {"source": source.page, "archive_sha256": sha256_of(archive), "files": len(written), "size": size}
    (partial / _RECORD).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    if folder.exists():
        folder.rmdir()
    partial.rename(folder)
    archive.unlink()
    return Fetched(name, folder, len(written), size, source.licence, already_there=False)


def fetch_esc50(data: Path, options: FetchOptions) -> Fetched:
    """ESC-50 as its author publishes it: 2,000 clips of five seconds, 50 classes, five folds."""
    return fetch_archive("esc50", sources.ESC50, data, options)


def fetch_yamnet(data: Path, options: FetchOptions) -> Fetched:
    """YAMNet's 8-bit LiteRT file and class names, and the network behind its front end as ONNX for the trainer."""
    folder = data / sources.BACKBONES_FOLDER
    network = folder / sources.YAMNET_ONNX
    parts = (sources.YAMNET_TFLITE, sources.YAMNET_CLASS_MAP)
    already_there = network.is_file() and all((folder / part.filename).is_file() for part in parts)
    for part in parts:
        download(
            part,
            folder / part.filename,
            mirror=options.mirror,
            progress=options.progress,
            options=options.download,
        )
    if not network.is_file():
        # The converter needs onnx, which only a trainer's environment has.
        from pipit.data.yamnet import convert_yamnet  # noqa: PLC0415

        convert_yamnet(folder / sources.YAMNET_TFLITE.filename, network)
    size = sum((folder / part.filename).stat().st_size for part in parts) + network.stat().st_size
    return Fetched("yamnet", network, len(parts) + 1, size, "Apache-2.0 (tensorflow/models)", already_there)


def fetch_mobilefacenet(data: Path, options: FetchOptions) -> Fetched:
    """MobileFaceNet's weights by name, made of the published checkpoint, which is not kept."""
    weights = data / sources.BACKBONES_FOLDER / sources.MOBILEFACENET_WEIGHTS
    already_there = weights.is_file()
    if not already_there:
        try:
            # Only the environments of trainers that use it have PyTorch.
            from pipit.data.mobilefacenet import convert_mobilefacenet, has_pinned_weights  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise NotFound(
                f"the package {error.name!r}, which reads the checkpoint, is not installed here; "
                "in the repository, run: make .venv/train-emotion/.ready, "
                "then .venv/train-emotion/bin/pipit data fetch mobilefacenet"
            ) from error
        checkpoint = weights.with_name(sources.MOBILEFACENET_CHECKPOINT.filename)
        download(
            sources.MOBILEFACENET_CHECKPOINT,
            checkpoint,
            mirror=options.mirror,
            progress=options.progress,
            options=options.download,
            accept=has_pinned_weights,
        )
        convert_mobilefacenet(checkpoint, weights)
        checkpoint.unlink()
    licence = "none stated; learnt from CASIA-WebFace, which is for research only"
    return Fetched("mobilefacenet", weights, 1, weights.stat().st_size, licence, already_there)


FETCHERS = {"esc50": fetch_esc50, "mobilefacenet": fetch_mobilefacenet, "yamnet": fetch_yamnet}
"""What can be fetched, by name."""
