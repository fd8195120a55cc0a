"""Frames of SYNTHETIC channels, one a second, as sequences need them; of fewer minutes than for single frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from pipit.data.synthetic import Advance

from ad_detection.channels.recordings import Size
from ad_detection.frames.synthetic import write_frames

SMALL = Size(channels=(1, 2, 3, 7), programmes=2, seconds=420.0, fps=Fraction(1), sound=False)


def write_synthetic_set(folder: Path, advance: Advance) -> None:
    """`pipit data synthesise ad_detection.temporal`."""
    write_frames(folder, SMALL, advance)
