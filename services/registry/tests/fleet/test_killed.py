"""A copy that is killed at any write, in any state of a rollout: another one finishes what it began."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest
from fleet_copies import PLACE, TASK
from model_registry import layout
from pipit.storage import LocalStore, Stored


class Killed(BaseException):
    """What a process that is gone can't catch."""


class Deadly:
    """A store that kills whoever writes for the nth time, before or after the write.

    Sheets are not counted but for the first: the others are like it, and hold nothing that the next copy needs.
    """

    def __init__(self, store: LocalStore, writes: int, after: bool) -> None:
        self._store = store
        self._left = writes
        self._after = after
        self.writes = 0

    def _write(self, key: str, write: Callable[[], Any]) -> Any:
        if key.startswith(layout.FLEET) and self.writes:
            return write()
        self.writes += 1
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        done = write()
        if self._left == 0:
            raise Killed
        return done

    def create(self, key: str, data: bytes | BinaryIO) -> str:
        return str(self._write(key, lambda: self._store.create(key, data)))

    def replace(self, key: str, data: bytes, etag: str) -> str:
        return str(self._write(key, lambda: self._store.replace(key, data, etag)))

    def delete(self, key: str) -> None:
        self._write(key, lambda: self._store.delete(key))

    def read(self, key: str) -> Stored:
        return self._store.read(key)

    def list(self, prefix: str) -> Iterator[str]:
        return self._store.list(prefix)

    def tags(self, prefix: str) -> Iterator[tuple[str, str]]:
        return self._store.tags(prefix)


NEVER = 10**9
BAD = frozenset({"2.0.0"})


def lead(store: Any, copy_of: Callable[..., Any], devices: Any, act: Callable[[Any, Any], object]) -> None:
    """A copy's whole life: it hears of the devices, somebody starts a rollout, and it is led to its end."""
    copy = copy_of(store, "first")
    devices.second(copy, step=5)
    act(copy, devices)
    devices.until_over(copy, step=5)


def start(copy: Any, devices: Any) -> None:
    copy.start()


def pause(copy: Any, devices: Any) -> None:
    """It stands still for a while, in the midst of its first stage."""
    copy.start()
    for _ in range(2):
        devices.second(copy, step=5)
    copy.rollouts.pause(*PLACE, "anna", "lunch")
    devices.second(copy, step=5)
    copy.rollouts.resume(*PLACE, "anna", "", False)


def supersede(copy: Any, devices: Any) -> None:
    """One takes the place of another, which leaves two to be written down."""
    copy.start("3.0.0")
    copy.clock.seconds += 1
    copy.start("2.0.0", supersede=True)


ACTS: dict[str, tuple[Callable[[Any, Any], object], frozenset[str], list[tuple[str, str]]]] = {
    "good": (start, frozenset(), [("2.0.0", "succeeded")]),
    "paused": (pause, frozenset(), [("2.0.0", "succeeded")]),
    "bad": (start, BAD, [("2.0.0", "aborted")]),
    "superseded": (supersede, BAD, [("2.0.0", "aborted"), ("3.0.0", "superseded")]),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", list(ACTS))
def test_another_copy_finishes(
    published: Callable[[], LocalStore], copy_of: Callable[..., Any], fleet: Callable[..., Any], name: str, after: bool
) -> None:
    act, bad, expected = ACTS[name]
    whole = Deadly(published(), NEVER, after)
    lead(whole, copy_of, fleet(4, bad), act)
    assert whole.writes > 6

    for number in range(1, whole.writes + 1):
        store, devices = published(), fleet(4, bad)
        with pytest.raises(Killed):
            lead(Deadly(store, number, after), copy_of, devices, act)
        other = copy_of(store, "other")
        devices.second(other, step=5)
        pointer = other.pointer
        if pointer.rollout is None and pointer.last_rollout is None:
            act(other, devices)
        elif pointer.rollout is not None and pointer.rollout.to_version == "3.0.0":
            devices.clock.seconds += 1
            other.start("2.0.0", supersede=True)
        elif pointer.rollout is not None and pointer.rollout.state == "paused":
            other.rollouts.resume(*PLACE, "anna", "", False)
        pointer = devices.until_over(other, step=5)
        other.round()

        history = [(move.action, move.to_version) for move in pointer.moves()]
        ended = [(rollout.to_version, str(rollout.state)) for rollout in other.rollouts.list(TASK, "", False, bool)]
        assert ended == expected, number
        assert sum(action in {"promote", "stop"} for action, _ in history) == 1 + len(expected), (number, history)
        assert pointer.version == ("1.0.0" if bad else "2.0.0")
        assert len(list(store.list(layout.rollouts(TASK)))) == len(expected)
        assert [record.revision for record in pointer.history] == sorted({move.revision for move in pointer.history})
