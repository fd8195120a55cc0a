"""What `pipit data check` asks of a task: read every file of a folder, and name each one that can't be used.

A domain offers it in its `pyproject.toml`:

    [project.entry-points."pipit.data_checks"]
    "my_domain.my_task" = "my_domain.my_task.check:check_folder"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pipit.errors import NotFound
from pipit.installed import domain_of, how_to_install


@dataclass(frozen=True, slots=True)
class DataReport:
    """classes: usable files by class. recordings: groups that a split keeps together. seconds: of all usable files.

    problems: one line for each entry that can't be used. notes: what is worth knowing but no fault.
    """

    folder: Path
    layout: str
    classes: Mapping[str, int]
    recordings: int
    seconds: float
    problems: tuple[str, ...]
    notes: tuple[str, ...]


Advance = Callable[[int, int], None]
"""Called with the files that are read and the files there are."""
DataCheck = Callable[[Path, Advance], DataReport]


def load_data_check(task: str) -> DataCheck:
    """The check of `task`. Raises NotFound."""
    for point in entry_points(group="pipit.data_checks", name=task):
        check: DataCheck = point.load()
        return check
    known = ", ".join(sorted(entry_points(group="pipit.data_checks").names)) or "none"
    raise NotFound(
        f"no installed domain can check data of {task!r} (there are: {known}); "
        f"{how_to_install(domain_of(task), 'train')}"
    )
