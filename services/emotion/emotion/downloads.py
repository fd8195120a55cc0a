"""What `pipit data fetch` can fetch for this domain: MobileFaceNet."""

from __future__ import annotations

from pathlib import Path

from pipit.data.download import download
from pipit.data.fetch import Fetched, FetchOptions
from pipit.data.sources import RemoteFile
from pipit.errors import NotFound
from pipit.installed import how_to_install
from pipit.training.mobilefacenet import FILE

_MOBILEFACENET_COMMIT = "26bd8d262017e472a3c7f56d62929e2138a70aeb"

MOBILEFACENET_CHECKPOINT = RemoteFile(
    url=f"https://raw.githubusercontent.com/Xiaoccer/MobileFaceNet_Pytorch/{_MOBILEFACENET_COMMIT}/model/best/068.ckpt",
    filename="mobilefacenet_casia_068.ckpt",
    size=4_200_000,
    sha256="",
)


def fetch_mobilefacenet(data: Path, options: FetchOptions) -> Fetched:
    """MobileFaceNet's weights by name, made of the published checkpoint, which is not kept."""
    weights = data / FILE
    already_there = weights.is_file()
    if not already_there:
        try:
            # Only the environments of trainers that use it have PyTorch.
            from emotion.mobilefacenet_conversion import convert_mobilefacenet, has_pinned_weights  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise NotFound(
                f"the package {error.name!r}, which reads the checkpoint, is not installed here; "
                f"{how_to_install('emotion', 'train')}"
            ) from error
        checkpoint = weights.with_name(MOBILEFACENET_CHECKPOINT.filename)
        download(
            MOBILEFACENET_CHECKPOINT,
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
