"""Metrics over HTTP, for Prometheus: prometheus_client's pages, behind a socket that nobody can hold.

Each connection is one request, and has a few seconds for all of it. There are a few places; when all are taken, the
oldest connection of whichever address has most of them is cut for the next one: who holds many loses them, and
Prometheus at its own address loses none.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from pipit.logging import get_logger

MOST_CONNECTIONS = 16
LONGEST_SECONDS = 10.0
"""That a connection may take, from its beginning to its end."""
_LOOK_SECONDS = 0.5
"""How often open connections are looked at, for one that takes too long."""
_log = get_logger(__name__)


class MetricsServer:
    """Open as soon as it is made. Raises OSError if it can't listen."""

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        most: int = MOST_CONNECTIONS,
        seconds: float = LONGEST_SECONDS,
    ) -> None:
        """most: connections at once. seconds: that one may take."""
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), _Handler, most, seconds)
        self._server.set_app(make_wsgi_app(registry))
        # socketserver's own loop looks every half second whether it shall end: a stop would wait for the next look.
        self._stop, stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._server.serve_until, args=(stopped,), name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Ends what is under way too. May be called again."""
        self._stop.close()
        self._thread.join()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name of the method that this is)
        """Nothing: whoever scrapes is no news."""


class _Server(WSGIServer):
    """A thread for each connection, of which there are only so many."""

    # Of `handle_request`, which is called when a connection is there.
    timeout = 0
    # Those that wait to be accepted. Each is accepted at once, for there is always a place.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler], most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        # In the order in which they came.
        self._open: dict[socket.socket, tuple[str, float]] = {}
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without looking up the machine's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def serve_until(self, stopped: socket.socket) -> None:
        """Answers until the other end of `stopped` is closed. Sleeps while no connection is open."""
        with stopped, selectors.DefaultSelector() as selector:
            for each in (self.socket, stopped):
                selector.register(each, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(_LOOK_SECONDS if self._open else None)]
                if stopped in ready:
                    return
                if self.socket in ready:
                    self.handle_request()
                self.service_actions()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Called by the one thread that accepts."""
        with self._lock:
            if len(self._open) >= self._most:
                self._cut(self._victim())
            self._open[request] = (client_address[0], monotonic())
        threading.Thread(target=self._answer, args=(request, client_address), name="scrape", daemon=True).start()

    def service_actions(self) -> None:
        """Called now and then by the same thread: cuts what takes too long, however little by little."""
        late = monotonic() - self._seconds
        with self._lock:
            for request in [each for each, (_, begun) in self._open.items() if begun < late]:
                self._cut(request)

    def server_close(self) -> None:
        """Cuts all."""
        super().server_close()
        with self._lock:
            for request in list(self._open):
                self._cut(request)

    def _answer(self, request: socket.socket, client_address: Any) -> None:
        try:
            # What was cut, or has gone, is nobody's mistake.
            with suppress(OSError, ValueError):
                self.finish_request(request, client_address)
        except Exception:
            _log.exception("scrape_failed")
        finally:
            with self._lock:
                self._open.pop(request, None)
            with suppress(OSError):
                self.shutdown_request(request)

    def _victim(self) -> socket.socket:
        held = Counter(address for address, _ in self._open.values())
        (most, _), *_ = held.most_common(1)
        return next(request for request, (address, _) in self._open.items() if address == most)

    def _cut(self, request: socket.socket) -> None:
        """Its thread finds the socket shut, and closes it."""
        self._open.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class _Server6(_Server):
    address_family = socket.AF_INET6
