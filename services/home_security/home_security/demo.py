"""What `pipit demo` shows of this domain: sounds, learnt from ESC-50 where it is there."""

from __future__ import annotations

from pathlib import Path

from pipit.data.demo import DemoTask, RealData
from pipit.training.by_input.audio.networks.yamnet_file import FILE

from home_security.downloads import ESC50

_SMALL_RECIPE = "small"
"""Needs no pretrained network."""


def find_clips(data: Path) -> RealData | None:
    """ESC-50, and the recipe for which its backbone is there."""
    folder = data / ESC50.folder
    if not (folder / "meta" / "esc50.csv").is_file():
        return None
    return RealData(folder, "" if (data / FILE).is_file() else _SMALL_RECIPE)


SOUNDS = DemoTask(real="clips", synthetic="sounds", caution="real houses", find=find_clips)
