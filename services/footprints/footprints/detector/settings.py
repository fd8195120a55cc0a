"""Where ultralytics is."""

from __future__ import annotations

import sys
from pathlib import Path

from pipit.settings import Settings


class DetectorSettings(Settings):
    """Of the trainer of `footprints.detector`."""

    ultralytics_python: Path = Path(sys.prefix).parent / "detector-footprints" / "bin" / "python"
    """Python of the environment that has ultralytics. Default: the one that make puts beside the trainer's own."""
