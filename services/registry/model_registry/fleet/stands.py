"""Where each environment stands, in the memory of this copy."""

from __future__ import annotations

from collections.abc import Callable

from pipit.errors import IntegrityError
from pipit.logging import get_logger
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.environments import parse_pointer
from model_registry.fleet.followed import Followed
from model_registry.pointer import Pointer

_log = get_logger("model_registry.fleet.stands")


class Stands:
    """Threads may share it; one of them looks."""

    def __init__(self, store: ObjectStore, read: Callable[[str, str], Pointer]) -> None:
        """read: what stands there now, by task and name."""
        self._read = read
        self._followed = Followed(
            store,
            layout.MODELS,
            _parsed,
            lambda one, other: one.revision > other.revision,
            lambda key: layout.environment_of_key(key) is not None,
        )

    def all(self) -> tuple[Pointer, ...]:
        """By task and name."""
        return tuple(pointer for _, pointer in sorted(self._followed.all().items()))

    def open(self) -> tuple[Pointer, ...]:
        """Those with a rollout under way."""
        return tuple(pointer for pointer in self.all() if pointer.rollout is not None)

    def open_names(self) -> frozenset[str]:
        """Names of environments in which any task's rollout is under way."""
        return frozenset(pointer.name for pointer in self._followed.all().values() if pointer.rollout is not None)

    def offer(self, pointer: Pointer) -> None:
        """Takes what somebody wrote or read elsewhere; what is older than what is known changes nothing."""
        self._followed.offer(layout.environment(pointer.task, pointer.name), pointer)

    def look(self) -> list[Pointer]:
        """Reads what has changed, and gives it. Raises Unavailable."""
        return [pointer for key in self._followed.look() if (pointer := self._followed.get(key)) is not None]

    def look_at_open(self) -> list[Pointer]:
        """The same for those with a rollout under way alone, which costs little."""
        found = []
        for known in self.open():
            try:
                pointer = self._read(known.task, known.name)
            except IntegrityError as error:
                _log.error("environment_unreadable", task=known.task, environment=known.name, reason=str(error))
                continue
            self.offer(pointer)
            found.append(pointer)
        return found


def _parsed(key: str, data: bytes) -> Pointer | None:
    try:
        return parse_pointer(key, data)
    except IntegrityError as error:
        _log.error("environment_unreadable", key=key, reason=str(error))
        return None
