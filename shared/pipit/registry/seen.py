"""The newest move that a device was told of each environment, on its disk: `<root>/<task>/<environment>.json`.

Every move, a rollback too, has a higher revision than the one before it. What is told with a lower one is old: an
answer that somebody sends again, or a store that was restored from a backup.
"""

from __future__ import annotations

from pathlib import Path

from pipit.errors import Conflict, PipitError
from pipit.files import cache_errors
from pipit.logging import get_logger
from pipit.registry.remembered import RememberedAssignments
from pipit.registry.types import Assignment

_log = get_logger("registry.seen")


class SeenRevisions:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = RememberedAssignments(root)

    def check(self, assignment: Assignment) -> None:
        """Takes note of a newer move. Raises Conflict for an older one, or another one of the same revision.

        Another one is one of another version: what a rollout adds to it may be told anew, or left out by a copy of the
        registry that does not know of it yet. What can't be kept on the disk is logged, and taken all the same.
        """
        assignment = assignment.alone
        seen = self._seen.read(assignment.task, assignment.environment)
        if seen == assignment:
            return
        if seen is not None and assignment.revision <= seen.revision:
            raise Conflict(
                f"the registry says version {assignment.version} by move {assignment.revision} of "
                f"{assignment.environment!r}, but this device has followed move {seen.revision} (version "
                f"{seen.version}) already; if the registry's store was restored from a backup or made anew, run: "
                f"pipit promote {assignment.task} VERSION {assignment.environment} --newer-than {seen.revision}"
            )
        try:
            with cache_errors(self._root):
                self._seen.write(assignment)
        except PipitError as error:
            _log.error("revision_not_kept", task=assignment.task, reason=str(error))
