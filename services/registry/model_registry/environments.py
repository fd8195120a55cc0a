"""Environments in the store: read, and moved by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from pipit.errors import AlreadyExists, Conflict, IntegrityError, InvalidInput, NotFound, PipitError
from pipit.galleries import StoredGalleries
from pipit.registry.types import Environment, Promotion
from pipit.storage import ObjectStore
from pydantic import ValidationError

from model_registry import layout
from model_registry.closed_rollouts import ClosedRollouts
from model_registry.pointer import Pointer
from model_registry.promotions import Promotions, check_reason
from model_registry.versions import Versions

_ATTEMPTS = 8
_HIGHEST_REVISION = 10**12


class Environments:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(
        self,
        store: ObjectStore,
        versions: Versions,
        galleries: StoredGalleries,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """now: an aware time."""
        self._store = store
        self._versions = versions
        self.promotions = Promotions(versions, galleries)
        self.closed = ClosedRollouts(store)
        self.now = now
        self._tell: list[Callable[[Pointer, Pointer], None]] = []

    def on_move(self, tell: Callable[[Pointer, Pointer], None]) -> None:
        """Calls it with what stood and what stands there, after each change that is made through this copy."""
        self._tell.append(tell)

    def get(self, task: str, name: str) -> Pointer:
        """Raises NotFound, with a text that tells an unknown task from one of which nothing was promoted."""
        pointer, etag = self._read(task, name)
        if etag is None:
            if not self._versions.any(task):
                raise NotFound(f"nothing of task {task} was published; `pipit models` lists what there is")
            raise NotFound(f"no version of {task} was promoted to {name!r}; promote one, or check the name")
        return pointer

    def pointer(self, task: str, name: str) -> Pointer:
        """What stands there; one that points nowhere where nothing was promoted yet."""
        return self._read(task, name)[0]

    def list(self, task: str = "") -> tuple[Environment, ...]:
        """By task and name. task: empty for all."""
        prefix = layout.environments(task) if task else layout.MODELS
        named = (layout.environment_of_key(key) for key in self._store.list(prefix))
        return tuple(self._read(*names)[0].environment for names in named if names is not None)

    def promote(
        self,
        task: str,
        version: str,
        name: str,
        actor: str,
        reason: str = "",
        override_gates: bool = False,
        expected_revision: int | None = None,
        newer_than: int = 0,
    ) -> Promotion:
        """Points `name` to `version`; again, nothing changes. The move gets a higher revision than `newer_than`.

        Raises NotFound, GatesFailed also where it would not know people who are known today and where synthetic data
        would get into production, InvalidInput for an override without a reason, Conflict for a lost race or another
        revision than expected.
        """
        if newer_than > _HIGHEST_REVISION:
            raise InvalidInput(f"no device has seen move {newer_than}; look at what it says")
        checked = self.promotions.check(task, version, name, override_gates, reason)
        to = checked.target

        def move(pointer: Pointer) -> Pointer:
            check_revision(pointer, expected_revision)
            return pointer.promoted(
                to.version, to.digest, actor, self.now(), reason, checked.overridden, newer_than=newer_than
            )

        return Promotion(self.change(task, name, move).environment, checked.gates)

    def rollback(self, task: str, name: str, actor: str, reason: str = "") -> Environment:
        """Points `name` to the version before. Raises NotFound if there is none, Conflict for a lost race."""
        check_reason(reason)
        seen = self.get(task, name).revision

        def move(pointer: Pointer) -> Pointer:
            # "The version before" means the one before what the caller sees: of two rollbacks at once, one is enough.
            if pointer.revision != seen:
                raise Conflict(f"{name} of {task} was moved to {pointer.version} meanwhile; look again and decide anew")
            return pointer.rolled_back(actor, self.now(), reason)

        return self.change(task, name, move).environment

    def change(self, task: str, name: str, move: Callable[[Pointer], Pointer]) -> Pointer:
        """Reads, moves and swaps, again for as long as somebody else is quicker. Raises what `move` does, Conflict.

        A rollout that ends stands in the pointer until the next one does, and in a place of its own from then on:
        whoever is killed in between leaves it for others to write.
        """
        key = layout.environment(task, name)
        for _ in range(_ATTEMPTS):
            pointer, etag = self._read(task, name)
            moved = move(pointer)
            if moved is pointer:
                return pointer
            ended = moved.last_rollout is not pointer.last_rollout
            if ended:
                self.closed.keep(pointer)
            try:
                if etag is None:
                    self._store.create(key, moved.to_bytes())
                else:
                    self._store.replace(key, moved.to_bytes(), etag)
            except (AlreadyExists, Conflict):
                continue
            for tell in self._tell:
                tell(pointer, moved)
            if ended:
                with suppress(PipitError):
                    self.closed.keep(moved)
            return moved
        raise Conflict(f"{name} of {task} is being moved by many at once; look again and decide anew")

    def _read(self, task: str, name: str) -> tuple[Pointer, str | None]:
        """The pointer and its etag; one that points nowhere, and None, where nothing was promoted yet."""
        key = layout.environment(task, name)
        try:
            stored = self._store.read(key)
        except NotFound:
            return Pointer(task=task, name=name), None
        return parse_pointer(key, stored.data), stored.etag


def check_revision(pointer: Pointer, expected: int | None) -> None:
    """Raises Conflict where the environment is at another revision; None: any will do."""
    if expected is not None and pointer.revision != expected:
        raise Conflict(
            f"{pointer.name} of {pointer.task} is at revision {pointer.revision}, not {expected}: it points to "
            f"{pointer.version or 'nothing'} now; look again and decide anew"
        )


def parse_pointer(key: str, data: bytes) -> Pointer:
    """An environment's document. Raises IntegrityError."""
    try:
        return Pointer.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityError(f"{key} in the store can't be read; restore it from a backup") from error
