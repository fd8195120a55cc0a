"""Workers of a training meet before they begin, so that none waits for ever for one that does not come.

    others ── their index ──> worker 0, which counts ── "go" ──> all

TensorFlow would wait for hours, with nothing to interrupt it. The port is the one that it takes over afterwards.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

from pipit.errors import Unavailable
from pipit.training.distributed import Worker

_GO = b"go"
_PAUSE = 0.2
"""Seconds; until worker 0 is called again, and longest wait for a caller's own index."""


def meet(worker: Worker) -> None:
    """Returns once all workers are there. Raises Unavailable, with the names of those that did not come in time."""
    deadline = time.monotonic() + worker.wait_seconds
    if worker.is_chief:
        _receive(worker, deadline)
    else:
        _report(worker, deadline)


def _receive(worker: Worker, deadline: float) -> None:
    host, port = _split(worker.addresses[0])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        try:
            server = stack.enter_context(socket.create_server(("", port), family=family))
        except OSError as error:
            raise Unavailable(
                f"worker 0 can't listen on port {port} ({error.strerror}); is {worker.addresses[0]} its own address?"
            ) from error
        come: dict[int, socket.socket] = {}
        while missing := set(range(1, worker.count)) - {index for index, caller in come.items() if _is_there(caller)}:
            server.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                caller, _ = server.accept()
            except TimeoutError as error:
                names = ", ".join(f"{index} ({worker.addresses[index]})" for index in sorted(missing))
                raise Unavailable(
                    f"worker 0 waited {worker.wait_seconds:.0f} s for worker {names}; is it running, and can it reach "
                    f"{worker.addresses[0]}?"
                ) from error
            stack.enter_context(caller)
            index = _index_of(caller)
            if index in range(1, worker.count):
                # One that was started again takes the place of what it was before; until then its place is empty.
                come[index] = caller
            else:
                # A worker that was slow to say who it is calls again; else it would wait for a word that never comes.
                caller.close()
        for caller in come.values():
            caller.setblocking(True)
            with suppress(OSError):
                caller.sendall(_GO)


def _index_of(caller: socket.socket) -> int:
    caller.settimeout(_PAUSE)
    try:
        return int(caller.recv(8))
    except (OSError, ValueError):
        return -1


def _is_there(caller: socket.socket) -> bool:
    """Whether it still waits, and has not ended since it came."""
    caller.setblocking(False)
    try:
        return caller.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _report(worker: Worker, deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:
        with suppress(OSError), socket.create_connection(_split(worker.addresses[0]), timeout=left) as chief:
            chief.sendall(str(worker.index).encode())
            chief.settimeout(max(0.001, deadline - time.monotonic()))
            if chief.recv(len(_GO)) == _GO:
                return
        time.sleep(min(_PAUSE, max(0.0, deadline - time.monotonic())))
    raise Unavailable(
        f"worker {worker.index} waited {worker.wait_seconds:.0f} s for worker 0 ({worker.addresses[0]}) and others; "
        "are they running, and has worker 0 something to fit?"
    )


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
