"""Fetches YAMNet, for domains that name this as one of their downloads."""

from __future__ import annotations

from pathlib import Path

from pipit.data.download import download
from pipit.data.fetch import Fetched, FetchOptions
from pipit.data.sources import BACKBONES_FOLDER, RemoteFile
from pipit.training.by_input.audio.networks.yamnet_file import FILE

_SPEAKER_DETECTOR_COMMIT = "4ec29b6938f1051fe36b46786f8d486d8b74a38e"
_TENSORFLOW_MODELS_COMMIT = "dbeeb148f10adf723067040eedcccda00bdce1e8"

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


def fetch_yamnet(data: Path, options: FetchOptions) -> Fetched:
    """YAMNet's 8-bit LiteRT file and class names, and the network behind its front end as ONNX for the trainer."""
    folder = data / BACKBONES_FOLDER
    network = data / FILE
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
        from pipit.training.by_input.audio.networks.yamnet_conversion import convert_yamnet  # noqa: PLC0415

        convert_yamnet(folder / YAMNET_TFLITE.filename, network)
    size = sum((folder / part.filename).stat().st_size for part in parts) + network.stat().st_size
    return Fetched("yamnet", network, len(parts) + 1, size, "Apache-2.0 (tensorflow/models)", already_there)
