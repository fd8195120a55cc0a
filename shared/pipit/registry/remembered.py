"""What a device ran last, on its disk: `<root>/<task>/<environment>.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.logging import get_logger
from pipit.registry.types import Assignment

_adapter = TypeAdapter(Assignment)
_log = get_logger("registry.remembered")


class RememberedAssignments:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, assignment: Assignment) -> None:
        """Replaces what was kept for the same task and environment."""
        path = self._path(assignment.task, assignment.environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(asdict(assignment)).encode())

    def read(self, task: str, environment: str) -> Assignment | None:
        """None if nothing was kept, or if it can't be read."""
        return _read(self._path(task, environment))

    def all(self) -> Iterator[Assignment]:
        """Whatever is kept and can be read."""
        for path in self._root.glob("*/*.json"):
            assignment = _read(path)
            if assignment is not None:
                yield assignment

    def _path(self, task: str, environment: str) -> Path:
        for name in (task, environment):
            if not name or "/" in name or name.startswith("."):
                raise InvalidInput(f"{name!r} is not the name of a task or an environment")
        return self._root / task / f"{environment}.json"


def _read(path: Path) -> Assignment | None:
    try:
        return _adapter.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _log.warning("remembered_assignment_unreadable", file=path.name, reason=type(error).__name__)
        return None
