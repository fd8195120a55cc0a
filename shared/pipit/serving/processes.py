"""Several server processes on one port: the kernel spreads connections over them (SO_REUSEPORT).

parent ──spawns──> process 0, 1, …     each with its own models, and the metrics port base + its number
   SIGTERM, SIGINT: passed on; the parent ends when all have
   one dies:        the others are stopped, and the parent ends with an error, so that whoever started it sees it
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from pipit.errors import Unavailable
from pipit.logging import configure_logging, get_logger
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

_LOOK_SECONDS = 0.5
"""How often the waiting thread lets Python run the handler of a signal that did not wake it."""

_log = get_logger(__name__)


def serve(settings: ServingSettings) -> int:
    """Serves until SIGTERM or SIGINT; gives the process's exit code."""
    if settings.processes == 1:
        return _serve_one(settings, shares_port=False)
    with _held_port(settings) as port:
        context = multiprocessing.get_context("spawn")
        children = [
            context.Process(target=_child, args=(_of_child(settings, port, index),), name=f"server {index}")
            for index in range(settings.processes)
        ]
        for child in children:
            child.start()
        return _supervise(children)


def _of_child(settings: ServingSettings, port: int, index: int) -> ServingSettings:
    metrics_port = settings.metrics_port and settings.metrics_port + index
    return settings.model_copy(update={"port": port, "metrics_port": metrics_port})


def _child(settings: ServingSettings) -> None:
    configure_logging(settings.log_level, settings.log_format)
    raise SystemExit(_serve_one(settings, shares_port=True))


def _serve_one(settings: ServingSettings, shares_port: bool) -> int:
    stop = _stop_signal()
    server = InferenceServer(settings, shares_port=shares_port)
    server.start()
    # A signal that arrives just before this thread sleeps, or in another thread, sets a mark but wakes nobody.
    while not stop.wait(_LOOK_SECONDS):
        continue
    server.stop()
    return 0


def _stop_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def _held_port(settings: ServingSettings) -> Iterator[int]:
    """Keeps the port for the children, without listening on it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(f"can't listen on {settings.host}:{settings.port}: {error.strerror}") from error
        yield held.getsockname()[1]


def _supervise(children: Sequence[BaseProcess]) -> int:
    """Passes signals on, and waits for all children. 1 if one ended by itself."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        for child in children:
            if child.is_alive():
                child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not (ended := wait([child.sentinel for child in children], _LOOK_SECONDS)):
        continue
    died = not stopping.is_set()
    if died:
        _log.error("process_died", processes=[child.name for child in children if child.sentinel in ended])
        stop()
    for child in children:
        child.join()
    return int(died or any(child.exitcode for child in children))
