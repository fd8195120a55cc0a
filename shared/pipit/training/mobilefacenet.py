"""MobileFaceNet's published weights, by name: what tasks about faces begin with.

`pipit data fetch mobilefacenet` makes the file. Network: S. Chen et al., MobileFaceNets,
https://arxiv.org/abs/1804.07573; the weights learnt to tell the people of CASIA-WebFace apart and state no licence.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput, NotFound

FILE = Path("backbones") / "mobilefacenet_casia_112x96.npz"
STEM = 64
"""Channels after the first two convolutions."""
STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, channels, blocks, stride of the first block."""
FEATURES = 512
"""Channels after the last convolution over the picture."""


def weights_file(data: Path | None, instead: str) -> Path:
    """Where the weights lie below the folder of data sets. instead: what needs none. Raises NotFound."""
    path = None if data is None else data / FILE
    if path is None or not path.is_file():
        raise NotFound(
            f"MobileFaceNet's weights are not at {path or f'$PIPIT_DATA/{FILE}'}; "
            f"run `pipit data fetch mobilefacenet` and set PIPIT_DATA, or {instead}"
        )
    return path


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """All of them. Raises InvalidInput for what is no such file."""
    try:
        # numpy leaves a file open that is cut short.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name].astype(np.float32) for name in file.files}
    except (ValueError, OSError, EOFError, BadZipFile, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"{path} holds no weights of MobileFaceNet: {reason}; fetch it again") from error
