"""YAMNet as it lies on this machine: behind its log-mel front end, 8-bit, as one ONNX file.

    patches (n, 1, 96, 64) ──> embedding (n, 1024) ──> scores (n, 521)

Source: https://github.com/tensorflow/models/tree/master/research/audioset/yamnet (Apache-2.0). Batch norm is folded.
"""

from __future__ import annotations

from pathlib import Path

from pipit.errors import NotFound

FILE = Path("backbones") / "yamnet_logmel96x64_w8.onnx"
BANDS = 64
EMBEDDING = 1024
CLASSES = 521
CONVOLUTIONS = 27


def yamnet_file(data: Path | None, otherwise: str = "") -> Path:
    """Where the weights lie below the folder of data sets. otherwise: what else a person may do. Raises NotFound."""
    path = None if data is None else data / FILE
    if path is None or not path.is_file():
        raise NotFound(
            f"YAMNet's weights are not at {path or f'$PIPIT_DATA/{FILE}'}; "
            f"run `pipit data fetch yamnet` and set PIPIT_DATA{f', or {otherwise}' if otherwise else ''}"
        )
    return path
