"""SYNTHETIC channels a frame a second, which sequences need: fewer minutes of them than `ad_detection.frames` draws."""

from __future__ import annotations

from pathlib import Path

from ad_detection.frames import synthetic
from ad_detection.frames.synthetic import Size

SIZE = Size(programmes=2, seconds=420.0, step=1.0)


def write_synthetic_set(folder: Path) -> Path:
    """See `ad_detection.frames.synthetic`."""
    return synthetic.write_synthetic_set(folder, SIZE)
