"""Streams that hold no thread while there is nothing to say: a few threads serve whichever has news.

    idle ──wake──> due ──one of the threads──> told ──nothing new meanwhile──> idle
                    ^                            │
                    └────── woken meanwhile ─────┘         the client has gone, or saying raised ──> ended

A client that does not read holds the thread that sends to it until `MinimumProgress` cuts the stream. After a moment
another thread takes that one's place, so that nobody waits behind it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from time import monotonic
from typing import Any

import grpc

THREADS = 4
"""That send. One processor core keeps no more of them busy."""
_PATIENCE_SECONDS = 0.25
"""A thread that one stream has held for so long is replaced by another."""


class _State(Enum):
    IDLE = auto()
    DUE = auto()
    TOLD = auto()
    DUE_AGAIN = auto()
    ENDED = auto()


class Push:
    """One stream, of a method that is marked by `holds_no_thread`."""

    __slots__ = ("say", "send", "state")

    def __init__(self, say: Callable[[], Iterable[Any]], send: Callable[[Any], None]) -> None:
        """say: what there is to say now, asked each time that it was woken, by one thread at a time.

        What it raises ends the stream with that error's status. send: the method's third argument.
        """
        self.say = say
        self.send = send
        self.state = _State.IDLE


class Pushes:
    """All streams that share the threads. Any thread may call."""

    def __init__(self, name: str, threads: int = THREADS) -> None:
        """name: of the threads, which start with the first stream."""
        self._name = name
        self._usual = threads
        self._changed = threading.Condition()
        self._due: deque[Push] = deque()
        self._since: dict[int, float] = {}
        """When each busy thread began with its stream, of the monotonic clock."""
        self._threads = 0
        self._closed = threading.Event()

    def open(self, push: Push, context: grpc.ServicerContext, ended: Callable[[], None]) -> None:
        """It is due at once. ended: called once, when the call is over."""

        def end() -> None:
            with self._changed:
                push.state = _State.ENDED
            ended()

        if not context.add_callback(end):
            end()
        self.wake((push,))

    def wake(self, pushes: Iterable[Push]) -> None:
        """There may be something to say to these."""
        with self._changed:
            for push in pushes:
                if push.state is _State.IDLE:
                    push.state = _State.DUE
                    self._due.append(push)
                elif push.state is _State.TOLD:
                    push.state = _State.DUE_AGAIN
            if self._due and not self._threads:
                self._start(self._usual)
                threading.Thread(target=self._replace, name=f"{self._name}-keeper", daemon=True).start()
            self._changed.notify(len(self._due))

    def close(self) -> None:
        """The threads end once nothing is due."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def _start(self, threads: int) -> None:
        for _ in range(threads):
            self._threads += 1
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()

    def _serve(self) -> None:
        me = threading.get_ident()
        while (push := self._next(me)) is not None:
            try:
                for message in push.say():
                    push.send(message)
            except Exception as error:
                with self._changed:
                    push.state = _State.ENDED
                push.send(error)
            with self._changed:
                del self._since[me]
                if push.state is _State.DUE_AGAIN:
                    push.state = _State.DUE
                    self._due.append(push)
                elif push.state is _State.TOLD:
                    push.state = _State.IDLE

    def _next(self, me: int) -> Push | None:
        """None: this thread is no longer needed."""
        with self._changed:
            while True:
                while self._due:
                    push = self._due.popleft()
                    if push.state is _State.DUE:
                        push.state = _State.TOLD
                        self._since[me] = monotonic()
                        return push
                if self._closed.is_set() or self._threads > self._usual:
                    self._threads -= 1
                    return None
                self._changed.wait()

    def _replace(self) -> None:
        """Starts a thread for each that is held up, while somebody waits."""
        while not self._closed.wait(_PATIENCE_SECONDS):
            with self._changed:
                late = monotonic() - _PATIENCE_SECONDS
                held = sum(since < late for since in self._since.values())
                if self._due:
                    self._start(self._usual + held - self._threads)
