"""Fetches ResNet50's weights, for domains that name this as one of their downloads."""

from __future__ import annotations

from pathlib import Path

from pipit.data.download import download
from pipit.data.fetch import Fetched, FetchOptions
from pipit.data.sources import RemoteFile
from pipit.files import md5_file

FILE = Path("backbones") / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
"""Below the folder of data sets, as Keras names it."""
WEIGHTS = RemoteFile(
    url=f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{FILE.name}",
    filename=FILE.name,
    size=94_765_736,
    sha256="",
)
MD5 = "4d473c1dd8becc155b73f8504c6f6626"
"""What Keras itself holds the file to (`keras.applications.resnet.WEIGHTS_HASHES`); its authors publish no other."""


def fetch_resnet50(data: Path, options: FetchOptions) -> Fetched:
    """ResNet50's weights for ImageNet, from where Keras gets them. Raises what `download` raises."""
    weights = data / FILE
    already_there = weights.is_file()
    if not already_there:
        download(
            WEIGHTS, weights, mirror=options.mirror, progress=options.progress, options=options.download, accept=_is_it
        )
    licence = "Apache-2.0 (Keras Applications)"
    return Fetched("resnet50", weights, 1, weights.stat().st_size, licence, already_there)


def _is_it(path: Path) -> bool:
    return md5_file(path) == MD5
