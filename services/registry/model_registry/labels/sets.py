"""Frozen data sets: each an object of its own under its name and digest, written once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from pipit.errors import AlreadyExists, IntegrityError, NotFound
from pipit.labels import LabelSet
from pipit.labels.digests import set_digest
from pipit.storage import ObjectStore
from pydantic import TypeAdapter

from model_registry import layout
from model_registry.labels.checks import check_set

_SET = TypeAdapter(LabelSet)
_OLDEST = datetime.min.replace(tzinfo=UTC)


class LabelSets:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """now: an aware time."""
        self._store = store
        self._now = now

    def put(self, frozen: LabelSet, by: str) -> LabelSet:
        """Gives it as it is stored: who came first made it. Raises InvalidInput, IntegrityError for a wrong digest."""
        check_set(frozen)
        if set_digest(frozen) != frozen.digest:
            raise IntegrityError(
                f"the content of {frozen.name} is not what its digest names; freeze it again, and send that"
            )
        stored = replace(frozen, made_by=by, made_at=self._now())
        key = layout.label_set(frozen.name, frozen.digest)
        try:
            self._store.create(key, _SET.dump_json(stored))
        except AlreadyExists:
            stored = _SET.validate_json(self._store.read(key).data)
        # Whoever was killed before this left a set that is not listed; it is from now on.
        with suppress(AlreadyExists):
            head = _SET.dump_json(replace(stored, items=()))
            self._store.create(layout.label_set_head(frozen.name, frozen.digest), head)
        return stored

    def get(self, name: str, digest: str) -> LabelSet:
        """digest: empty for the newest of that name. Raises NotFound."""
        if not digest:
            heads = self._heads(layout.label_sets(name))
            if not heads:
                raise NotFound(f"no data set is called {name}; pipit label sets lists those that there are")
            digest = heads[0].digest
        try:
            return _SET.validate_json(self._store.read(layout.label_set(name, digest)).data)
        except NotFound:
            raise NotFound(f"no data set {name} has the digest {digest[:64]}; name none to get the newest") from None

    def heads(self, task: str) -> list[LabelSet]:
        """Without their items, newest first. task: empty for all."""
        return [head for head in self._heads(layout.SETS) if task in {"", head.task}]

    def _heads(self, prefix: str) -> list[LabelSet]:
        keys = [key for key in self._store.list(prefix) if "/heads/" in key]
        heads = [_SET.validate_json(self._store.read(key).data) for key in keys]
        return sorted(heads, key=lambda head: head.made_at or _OLDEST, reverse=True)
