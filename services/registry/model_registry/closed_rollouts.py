"""Rollouts that have ended, each written once: `models/<task>/rollouts/<id>.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from pipit.errors import AlreadyExists, IntegrityError, NotFound
from pipit.logging import get_logger
from pipit.storage import ObjectStore
from pydantic import ValidationError

from model_registry import layout
from model_registry.pointer import Document, Pointer
from model_registry.rollouts.document import RolloutRecord

_log = get_logger("model_registry.closed_rollouts")


class ClosedRollout(Document):
    """A rollout that has ended. revision: of the environment, when this was written."""

    task: str
    environment: str
    revision: int
    rollout: RolloutRecord


class ClosedRollouts:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._kept: dict[tuple[str, str], str] = {}

    def keep(self, pointer: Pointer) -> None:
        """Writes down the rollout of this environment that ended last, unless somebody did. Raises Unavailable."""
        rollout, place = pointer.last_rollout, (pointer.task, pointer.name)
        if rollout is None or self._kept.get(place) == rollout.id:
            return
        closed = ClosedRollout(task=pointer.task, environment=pointer.name, revision=pointer.revision, rollout=rollout)
        with suppress(AlreadyExists):
            self._store.create(layout.rollout(pointer.task, rollout.id), closed.to_bytes())
        self._kept[place] = rollout.id

    def get(self, task: str, identity: str) -> ClosedRollout:
        """Raises NotFound, InvalidInput."""
        try:
            return self._read(layout.rollout(task, identity))
        except NotFound:
            raise NotFound(
                f"no rollout {identity[:100]} of {task}; `pipit rollout list` shows those there were"
            ) from None

    def newest(self, task: str = "", may_ask: Callable[[str], bool] = lambda task: True) -> Iterator[ClosedRollout]:
        """Of one task, or of all those that whoever asks may know of; the newest first, without unreadable ones."""
        keys = self._store.list(layout.rollouts(task) if task else layout.MODELS)
        named = [
            (key, names) for key in keys if (names := layout.rollout_of_key(key)) is not None and may_ask(names[0])
        ]
        for key, _ in sorted(named, key=lambda entry: entry[1][1], reverse=True):
            try:
                yield self._read(key)
            except (IntegrityError, NotFound) as error:
                _log.error("rollout_unreadable", key=key, reason=str(error))

    def _read(self, key: str) -> ClosedRollout:
        data = self._store.read(key).data
        try:
            return ClosedRollout.model_validate_json(data)
        except ValidationError as error:
            raise IntegrityError(f"{key} in the store can't be read; restore it from a backup") from error
