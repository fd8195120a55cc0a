"""Recordings from a place in the middle on, and sources that are connected to again when they break off."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic

import av
from av.container import InputContainer

from pipit.data.frames.folder import NoRoom
from pipit.data.frames.pictures import Decoded, Pictures
from pipit.data.frames.sources import reason_of
from pipit.errors import Unavailable

_LONGEST_PAUSE = 30.0
_BEFORE = (2.0, 30.0)
"""Seconds before the wanted place at which a picture is looked for that others can be decoded from."""


@dataclass(frozen=True, slots=True)
class Patience:
    """With sources that are not on this machine's disk.

    silence: seconds without a byte after which a connection is given up. attempts: connections in a row that bring
    nothing new. pause: seconds before the second, doubled for each further one, up to 30. pictureless: seconds in
    which a stream sends and no picture can be read of it; more than people leave between two key frames.
    """

    silence: float = 30.0
    attempts: int = 5
    pause: float = 1.0
    pictureless: float = 180.0


@contextmanager
def open_after(
    opened: Callable[[], AbstractContextManager[InputContainer]],
    name: str,
    place: Callable[[Pictures], float | None],
    patience: float | None = None,
) -> Iterator[tuple[Pictures, Iterator[Decoded]]]:
    """A recording's pictures, from one at or before a place on.

    A seek that lands behind the place is no help, and some kinds of files can't be searched: then it is read from its
    start. place: seconds; None for the start. patience: see `Pictures`. Raises what `opened` and `Pictures` raise.
    """
    for before in (*_BEFORE, None):
        with opened() as container:
            pictures = Pictures(container, name, patience=patience)
            taken = place(pictures)
            decoded = iter(pictures)
            if before is not None and taken is not None and taken > before:
                first = next(decoded, None) if pictures.seek(taken - before) else None
                if first is None or first.seconds > taken or not pictures.is_straight:
                    continue
                decoded = itertools.chain((first,), decoded)
            yield pictures, decoded
            return


class Connections:
    """To one source, one after the other."""

    def __init__(self, name: str, patience: Patience, stop: Event, say: Callable[[str], None]) -> None:
        """stop: once it is set, no further connection is made."""
        self._name = name
        self._patience = patience
        self._stop = stop
        self._say = say
        self.until: float | None = None
        """By `time.monotonic`, when no further connection is made any more."""
        self._failures = 0
        self._was_ever_there = False

    def is_there(self) -> None:
        """To be called when a connection was made."""
        self._was_ever_there = True

    def is_something_new(self) -> None:
        """To be called when a connection brings what none before it brought."""
        self._failures = 0

    def is_time_over(self) -> bool:
        """Whether `until` has passed."""
        return self.until is not None and monotonic() >= self.until

    def run(self, connect: Callable[[], None]) -> None:
        """Calls `connect`, which reads to the end, again and again while it breaks off and brings something new.

        Raises NoRoom as it is, Unavailable for a source that does not come back or was never there.
        """
        while not (self._stop.is_set() or self.is_time_over()):
            try:
                connect()
            except NoRoom:
                raise
            except (Unavailable, av.FFmpegError) as error:
                self._failures += 1
                reason = reason_of(error)
                if not self._was_ever_there:
                    raise Unavailable(f"{self._name} can't be read: {reason}; is it there, and is it free?") from error
                if self.is_time_over():
                    return
                if self._failures >= self._patience.attempts:
                    raise Unavailable(
                        f"{self._name} broke off and did not come back in {self._failures} attempts: {reason}; "
                        "what has come is kept: run again to go on"
                    ) from error
                self._say(f"{self._name} broke off: {reason}; attempt {self._failures} to go on")
                self._stop.wait(min(_LONGEST_PAUSE, self._patience.pause * 2 ** (self._failures - 1)))
            else:
                return
