"""Follows what a device should run, through every absence of the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipit.bundle.keys import KeyList
from pipit.errors import DeadlineExceeded, PipitError, Unavailable
from pipit.logging import get_logger
from pipit.registry.client import RegistryClient
from pipit.registry.types import Assignment
from pipit.rpc.following import Following

_log = get_logger("registry.follower")


class AssignmentFollower(Following[Assignment | KeyList]):
    """A thread that calls `on_assignment` with each new assignment of its tasks, one after the other.

    A task of which no version was promoted yet is not reported. What the callback refuses with Unavailable or
    DeadlineExceeded is offered again after a pause; any other exception is logged, and the assignment counts as
    delivered.
    """

    def __init__(
        self,
        client: RegistryClient,
        tasks: Sequence[str],
        environment: str,
        device_id: str,
        on_assignment: Callable[[Assignment], None],
        first_pause: float = 0.5,
        longest_pause: float = 30.0,
        on_away: Callable[[PipitError], None] | None = None,
        on_keys: Callable[[KeyList], None] | None = None,
    ) -> None:
        """first_pause, longest_pause: seconds until the registry is asked again. The client is not closed here.

        on_away: told, in the thread, why the registry did not answer.
        on_keys: told the keys that may sign: before any assignment, whenever the registry is reached anew, and after
        each change.
        """
        follow = client.watch if on_keys is None else client.follow
        super().__init__(
            lambda: follow(tuple(tasks), environment, device_id),
            self._deliver,
            "assignment-follower",
            first_pause,
            longest_pause,
            on_away,
        )
        self._on_assignment = on_assignment
        self._on_keys = on_keys
        self._delivered: dict[str, Assignment] = {}

    def _deliver(self, assignment: Assignment | KeyList) -> None:
        if isinstance(assignment, KeyList):
            if self._on_keys is not None:
                self._on_keys(assignment)
            return
        if not assignment or self._delivered.get(assignment.task) == assignment:
            return
        try:
            self._on_assignment(assignment)
        except (Unavailable, DeadlineExceeded):
            raise
        except Exception:
            _log.exception("assignment_failed", task=assignment.task, version=assignment.version)
        self._delivered[assignment.task] = assignment
