"""The service as a process: from its settings to the signal that ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings

_LOOK_SECONDS = 0.5
"""How often the waiting thread lets Python run the handler of a signal that did not wake it."""


def serve(settings: RegistrySettings, on_start: Callable[[RegistryServer], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then stops gracefully. Must be called on the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = RegistryServer(settings)
    server.start()
    if on_start is not None:
        on_start(server)
    # A signal that arrives just before this thread sleeps, or in another thread, sets a mark but wakes nobody.
    while not stop.wait(_LOOK_SECONDS):
        continue
    server.stop()
