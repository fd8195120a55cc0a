"""The console's server: wires the parts together, and starts and stops them in order.

start:  folder of the indexes ──> metrics port ──> HTTP port ──> answering
stop:   not ready ──> no new connections ──> requests end, at most the grace period ──> threads, sessions ──> closed
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

import uvicorn
from pipit.errors import PipitError, Unauthenticated, Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.service.listener import address_of
from pipit.service.metrics_server import MetricsServer
from pipit.service.process import serve_until_signal

from pipit_console.access import Console
from pipit_console.app import build_app
from pipit_console.contents import Contents
from pipit_console.pools import Pools
from pipit_console.prometheus import Prometheus
from pipit_console.sessions import FailedSignIns, Sessions
from pipit_console.settings import ConsoleSettings
from pipit_console.tls import Tls
from pipit_console.upstream import Upstream

_START_SECONDS = 30.0
_Listening = TypeVar("_Listening")
_log = get_logger("console.server")


class ConsoleServer:
    """One console."""

    def __init__(self, settings: ConsoleSettings) -> None:
        """Raises InvalidInput for settings that name what is not there."""
        self._settings = settings
        self.metrics = Metrics("console")
        self._upstream = Upstream(settings)
        self._own = self._upstream.connect(settings.connection.access["token"])
        self.sessions = Sessions(settings.sessions, 60.0 * settings.session_minutes)
        self.metrics.gauge("pipit_console_sessions").set_function(lambda: len(self.sessions))
        self.contents = Contents(settings.memory_mib << 20)
        self.pools = Pools(settings, self._upstream, self.sessions, self._own, self.contents)
        console = Console(
            settings,
            self._upstream,
            self.sessions,
            FailedSignIns(),
            Prometheus(settings.prometheus) if settings.prometheus else None,
            self.pools,
            self.contents,
        )
        self._stopping = threading.Event()
        self._tls = Tls(settings)
        self._tls.report(self.metrics)
        self._server = uvicorn.Server(self._configuration(build_app(console, self.metrics, self._ready)))
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._socket: socket.socket | None = None
        self._port = 0
        self._metrics_server: MetricsServer | None = None

    @property
    def port(self) -> int:
        """For browsers; once started."""
        return self._port

    @property
    def metrics_port(self) -> int:
        """For Prometheus; once started."""
        assert self._metrics_server is not None
        return self._metrics_server.port

    def start(self) -> None:
        """Listens. What it raises has left nothing behind. Raises Unavailable if a port or the cache is taken."""
        settings = self._settings
        try:
            self.pools.open()
            self._metrics_server = _listen(
                lambda: MetricsServer(settings.metrics_host.strip("[]"), settings.metrics_port, self.metrics.registry),
                address_of(settings.metrics_host, settings.metrics_port),
                "metrics_host and metrics_port",
            )
            self._socket = _listen(
                lambda: _bind(settings.host.strip("[]"), settings.port),
                address_of(settings.host, settings.port),
                "host and port",
            )
            self._port = int(self._socket.getsockname()[1])
            self._thread.start()
            self._wait()
        except BaseException:
            self.stop(0.0)
            raise
        if settings.is_plain:
            _log.warning(
                "insecure_server",
                host=settings.host,
                advice="whoever is on the way may read tokens and labels; set tls_certificate and tls_key",
            )
        _log.info("started", host=settings.host, port=self.port, metrics_port=self.metrics_port)

    def stop(self, grace: float | None = None) -> None:
        """Lets requests end that have begun, at most for `grace` seconds (default: the settings'), and closes."""
        self._stopping.set()
        self._server.config.timeout_graceful_shutdown = round(self._settings.grace_seconds if grace is None else grace)
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        elif self._socket is not None:
            self._socket.close()
        self.pools.settle()
        self.sessions.close()
        self._own.close()
        self.pools.close()
        if self._metrics_server is not None:
            self._metrics_server.close()
            self._metrics_server = None
        _log.info("stopped")

    def _run(self) -> None:
        assert self._socket is not None
        self._server.run(sockets=[self._socket])

    def _wait(self) -> None:
        pause = threading.Event()
        for _ in range(round(_START_SECONDS / 0.01)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            pause.wait(0.01)
        raise Unavailable("the console's HTTP server did not start; its log says why")

    def _ready(self) -> str:
        """Why the console can't be used now."""
        if self._stopping.is_set():
            return "the console is stopping"
        try:
            self._own.registry.who_am_i()
        except Unauthenticated:
            return ""
        except PipitError as error:
            return str(error)
        return ""

    def _configuration(self, app: object) -> uvicorn.Config:
        settings = self._settings
        # What goes wrong in a route is in the console's own log already.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        return uvicorn.Config(
            app,  # type: ignore[arg-type]
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=settings.max_connections,
            **self._tls.options(),
        )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once, and does not wait 40 ms for more, on sockets alone that say that they are of TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except BaseException:
        bound.close()
        raise
    return bound


def _listen(make: Callable[[], _Listening], address: str, names: str) -> _Listening:
    try:
        return make()
    except OSError as error:
        raise Unavailable(
            f"can't listen on {address}: {error.strerror}; set {names}, where a port of 0 lets the system choose"
        ) from error


def serve(settings: ConsoleSettings, on_start: Callable[[ConsoleServer], None] | None = None) -> int:
    """Serves until SIGTERM or SIGINT, then stops gracefully; gives the exit code. For the main thread."""
    serve_until_signal(lambda: ConsoleServer(settings), on_start)
    return 0
