"""A server as a process: from its settings to the signal that ends it.

start ──> serving ──SIGTERM or SIGINT──> graceful stop ──> 0
  └── what keeps it from serving: one line on standard error ──> 1
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from pipit.errors import PipitError
from pipit.logging import LineLogger, configure_logging, get_logger
from pipit.printable import printable
from pipit.service.settings import ServiceSettings

LOOK_SECONDS = 0.5
"""How often a waiting main thread lets Python run the handler of a signal that did not wake it."""

_log = get_logger(__name__)


class Service(Protocol):
    """What can be started once, and then stopped."""

    def start(self) -> None:
        """Returns once it answers. What it raises has left nothing behind."""

    def stop(self) -> None:
        """Returns once everything has ended."""


AnySettings = TypeVar("AnySettings", bound=ServiceSettings)
AnyService = TypeVar("AnyService", bound=Service)


def run(load: Callable[[], AnySettings], serve: Callable[[AnySettings], int]) -> int:
    """All of a server's `__main__`; gives the exit code: what `serve` gives, 1 for what keeps it from serving."""
    try:
        settings = load()
        configure_logging(settings.log_level, settings.log_format)
        return serve(settings)
    except PipitError as error:
        LineLogger(sys.stderr).msg(f"error: {printable(str(error))}")
        return 1


def serve_until_signal(make: Callable[[], AnyService], on_start: Callable[[AnyService], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then stops gracefully. Must be called on the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service = make()
    service.start()
    try:
        if on_start is not None:
            on_start(service)
        # A signal that arrives just before this thread sleeps, or in another thread, sets a mark but wakes nobody.
        while not stop.wait(LOOK_SECONDS):
            continue
    finally:
        service.stop()
