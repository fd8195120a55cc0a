"""What `pipit data index` asks of a task: write down what a folder holds, in the tables that the task reads.

A domain offers it in its `pyproject.toml`:

    [project.entry-points."pipit.data_indexes"]
    "my_domain.my_task" = "my_domain.my_task.data:index_folder"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pipit.errors import NotFound


@dataclass(frozen=True, slots=True)
class Indexed:
    """entries: how many each written file has."""

    entries: Mapping[Path, int]


DataIndex = Callable[[Path, float], Indexed]
"""Called with the folder, and the share of it that validates."""


def load_data_index(task: str) -> DataIndex:
    """The index of `task`. Raises NotFound; most tasks need none."""
    for point in entry_points(group="pipit.data_indexes", name=task):
        index: DataIndex = point.load()
        return index
    known = ", ".join(sorted(entry_points(group="pipit.data_indexes").names)) or "none"
    raise NotFound(f"{task} reads its folders as they are and needs no index (tasks that have one here: {known})")
