"""Data that a program makes, for machines without any: to try the way, not to judge a network by.

A domain that can synthesise a small data set says so in its `pyproject.toml`, and has a recipe `synthetic` for it:

    [project.entry-points."pipit.synthetic"]
    "my_domain.my_task" = "my_domain.my_task.synthetic:write_synthetic_set"
"""

from __future__ import annotations

import shutil
from importlib.metadata import entry_points
from pathlib import Path

from pipit.errors import NotFound

SYNTHETIC_RECIPE = "synthetic"


def synthesise(task: str, data: Path) -> Path:
    """Writes the domain's synthetic set below `data`, whole or not at all; one that is there already is kept.

    Gives its folder, `synthetic_` and the task's name: `synthetic_sounds`. Raises NotFound if the task's domain can't.
    """
    folder = data / f"synthetic_{task.rpartition('.')[2]}"
    points = entry_points(group="pipit.synthetic", name=task)
    if not points:
        raise NotFound(
            f"{task} can't synthesise data; fetch real data (pipit data fetch --help says which) and set PIPIT_DATA"
        )
    if folder.is_dir():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for point in points:
        point.load()(partial)
    return partial.rename(folder)
