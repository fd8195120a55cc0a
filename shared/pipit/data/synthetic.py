"""Data that a program makes, for machines without any: to try the way, not to judge a network by.

A domain that can synthesise a small data set says so in its `pyproject.toml`, and has a recipe `synthetic` for it:

    [project.entry-points."pipit.synthetic"]
    "my_domain.my_task" = "my_domain.my_task.synthetic:write_synthetic_set"

The function takes the folder to fill. One that takes long has a second parameter, `advance`, and calls it with how much
is done and how much there is to do. What several tasks of a domain are made from may have a name there, too, although
it is no task.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from pipit.errors import NotFound

SYNTHETIC_RECIPE = "synthetic"
Advance = Callable[[int, int], None]
"""Called with what is done, and all there is to do."""


def synthesise(task: str, data: Path, advance: Advance = lambda done, total: None) -> Path:
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
        write = point.load()
        if "advance" in inspect.signature(write).parameters:
            write(partial, advance)
        else:
            write(partial)
    return partial.rename(folder)
