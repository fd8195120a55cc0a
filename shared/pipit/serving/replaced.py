"""Versions that were replaced: each is freed once nobody holds a lease on it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from pipit.serving.model import LoadedModel


@dataclass(frozen=True, slots=True, eq=False)
class Replaced:
    """A version that answers no more. since: of the monotonic clock. on_freed: its files are needed no more."""

    model: LoadedModel
    since: float
    on_freed: Callable[[], None]


class ReplacedModels:
    """Those that still wait for their last lease. The condition is their host's, and is told when one drains."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._waiting: list[Replaced] = []

    def add(self, model: LoadedModel, on_freed: Callable[[], None]) -> None:
        """Lets nobody new have it."""
        with self._changed:
            self._waiting.append(Replaced(model, monotonic(), on_freed))
        model.on_drained = self._wake
        model.retire()

    @property
    def any_drained(self) -> bool:
        """Whether one could be freed now."""
        return any(replaced.model.is_drained for replaced in self._waiting)

    def take_drained(self) -> list[Replaced]:
        """Those that are to be freed now; they are forgotten here."""
        with self._changed:
            drained = [replaced for replaced in self._waiting if replaced.model.is_drained]
            self._waiting = [replaced for replaced in self._waiting if replaced not in drained]
        return drained

    def wait_all_drained(self, seconds: float) -> None:
        """At most for `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: all(replaced.model.is_drained for replaced in self._waiting), seconds)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
