"""Several server processes on one port: the kernel spreads connections over them (SO_REUSEPORT).

parent ──spawns──> process 0, 1, …     each with its own models, and the metrics port base + its number
   SIGTERM, SIGINT: passed on; the parent ends when all have, and ends those that don't
   one dies:        the others are stopped, and the parent ends with an error, so that whoever started it sees it
   it is gone:      by whatever way, SIGKILL too: each process sees it, and stops by itself
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from time import monotonic

from pipit.errors import Unavailable
from pipit.logging import get_logger
from pipit.service.listener import address_of
from pipit.service.process import LOOK_SECONDS, SPARE_SECONDS, run, serve_until_signal
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

_log = get_logger(__name__)


def serve(settings: ServingSettings) -> int:
    """Serves until SIGTERM or SIGINT; gives the process's exit code."""
    if settings.processes == 1:
        return _serve_one(settings)
    with _held_port(settings) as port:
        context = multiprocessing.get_context("spawn")
        children = [
            context.Process(target=_child, args=(_of_child(settings, port, index), index), name=f"server {index}")
            for index in range(settings.processes)
        ]
        for child in children:
            child.start()
        return _supervise(children, settings.grace_seconds + SPARE_SECONDS)


def _serve_one(settings: ServingSettings, index: int = 0) -> int:
    serve_until_signal(lambda: InferenceServer(settings, process=index), settings.grace_seconds)
    return 0


def _of_child(settings: ServingSettings, port: int, index: int) -> ServingSettings:
    metrics_port = settings.metrics_port and settings.metrics_port + index
    return settings.model_copy(update={"port": port, "metrics_port": metrics_port})


def _child(settings: ServingSettings, index: int) -> None:
    sys.exit(run(lambda: settings, partial(_serve_one, index=index)))


@contextmanager
def _held_port(settings: ServingSettings) -> Iterator[int]:
    """Keeps the port for the children, without listening on it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind((settings.host.strip("[]"), settings.port))
        except OSError as error:
            address = address_of(settings.host, settings.port)
            raise Unavailable(f"can't listen on {address}: {error.strerror}; choose another port") from error
        yield held.getsockname()[1]


def _supervise(children: Sequence[BaseProcess], limit: float) -> int:
    """Passes signals on, and waits for all children. 1 if one ended by itself.

    limit: seconds that a stop may take; what still runs then is killed.
    """
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        for child in children:
            if child.is_alive():
                child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    ended: list[object] = []
    while not ended and not stopping.is_set():
        ended = list(wait([child.sentinel for child in children], LOOK_SECONDS))
    died = not stopping.is_set()
    if died:
        _log.error("process_died", processes=[child.name for child in children if child.sentinel in ended])
        stop()
    deadline = monotonic() + limit
    for child in children:
        child.join(max(0.0, deadline - monotonic()))
        if child.exitcode is None:
            _log.error("process_killed", process=child.name, reason=f"it did not end within {limit:g} s")
            child.kill()
            child.join()
    return int(died or any(child.exitcode for child in children))
