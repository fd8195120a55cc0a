"""One worker as the server sees it: a process, its control, and the lanes that requests go by.

started ──> open a bundle ──> lanes answer ──┬──> close: its sockets are closed, and it ends by itself
                                             └──> died: whoever waits is told
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from pipit.errors import Unavailable
from pipit.inputs import Input
from pipit.types import Tensors
from pipit.workers.messages import Ask, Close, Failed, Open, Opened, Ran, Run, Worked, receive, send

LANES = 2
"""Of each worker: while it computes for one, the next request waits in its socket, so that it never waits for us."""
_LAST_SECONDS = 5.0
"""That a worker has to end by itself, once it is told."""


class Lane:
    """One request at a time goes by it. For one thread at a time."""

    def __init__(self, worker: Worker, connection: Connection) -> None:
        self.worker = worker
        self._connection = connection

    def ask(self, digest: str, item: Input, deadline: float | None) -> Worked | Failed | None:
        """Has it answer an input, and waits. digest: of the bundle. deadline: of the monotonic clock, in seconds.

        None: it was killed meanwhile, as the system does when memory runs out; the input has no part in that, and may
        be answered elsewhere. Raises Unavailable if it ended by itself: the input may end whoever takes it.
        """
        answer = self._exchange(Ask(digest, item, deadline))
        assert answer is None or isinstance(answer, Worked | Failed)
        return answer

    def run(self, digest: str, tensors: Tensors, deadline: float | None) -> Ran | Failed | None:
        """Has it run the network itself; otherwise as `ask`."""
        answer = self._exchange(Run(digest, tensors, deadline))
        assert answer is None or isinstance(answer, Ran | Failed)
        return answer

    def _exchange(self, question: Ask | Run) -> Any:
        try:
            send(self._connection, question)
            return receive(self._connection)
        except (OSError, EOFError) as error:
            if self.worker.was_killed():
                return None
            raise Unavailable(
                "the process that computed this ended; ask again (the server's log has the reason)"
            ) from error

    def close(self) -> None:
        """The worker sees it."""
        self._connection.close()


class Worker:
    """A process of its own. Raises OSError if none can be started."""

    def __init__(self, room: int) -> None:
        """room: bytes that one request may decode with there."""
        ours, theirs = zip(*(socket.socketpair() for _ in range(1 + LANES)), strict=True)
        try:
            numbers = [end.fileno() for end in theirs]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipit.workers", *map(str, numbers)],
                stdin=subprocess.DEVNULL,
                # Runtimes write to standard output as they like.
                stdout=2,
                pass_fds=numbers,
                # A session of its own: Ctrl-C is for the server.
                start_new_session=True,
                # It computes in one thread; OpenBLAS would keep memory for as many as there are cores.
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        except OSError:
            for end in ours:
                end.close()
            raise
        finally:
            for end in theirs:
                end.close()
        self._control, *lanes = (Connection(end.detach()) for end in ours)
        self.free = [Lane(self, connection) for connection in lanes]
        """Lanes that nobody uses."""
        self.has: set[str] = set()
        """Digests of what it answers."""
        self.is_dead = False
        self._telling = threading.Lock()
        send(self._control, (sys.path, room))

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def open(self, bundle: Open) -> Failed | None:
        """Has it open a bundle, and waits; None: it did. Raises Unavailable if it dies."""
        try:
            with self._telling:
                send(self._control, bundle)
                answer = receive(self._control)
        except (OSError, EOFError) as error:
            self.is_dead = True
            raise Unavailable(f"the worker ended while it opened {bundle.path}: {self._ending()}") from error
        if isinstance(answer, Opened):
            self.has.add(answer.digest)
            return None
        assert isinstance(answer, Failed)
        return answer

    def drop(self, digest: str) -> None:
        """Has it free a bundle that nobody asks it for any more."""
        if digest in self.has:
            self.has.discard(digest)
            with suppress(OSError), self._telling:
                send(self._control, Close(digest))

    def was_killed(self) -> bool:
        """Of one that has closed its sockets: whether somebody else ended it."""
        self.is_dead = True
        try:
            return self._process.wait(_LAST_SECONDS) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            return False

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it at once; whoever waits for an answer has none."""
        self._process.kill()
        self._process.wait()

    def end(self) -> str:
        """Ends it, and says how it ended.

        A lane that somebody uses is theirs: to close what another thread reads would give its number to the next file.
        """
        for lane in self.free:
            lane.close()
        # Nor is its control closed while another thread has it free a bundle.
        with self._telling:
            self._control.close()
        return self._ending()

    def _ending(self) -> str:
        """How it ended; it is to end now."""
        try:
            code = self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"it did not end within {_LAST_SECONDS:g} s and was killed"
        if code < 0:
            with suppress(ValueError):
                return f"ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"
