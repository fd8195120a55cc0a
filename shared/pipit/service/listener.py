"""A server's two ports, for calls and for Prometheus: both are open, or none is.

closed ──open──> metrics port ──> port for calls ──> open ──drain──> no new calls ──close──> closed
                    └── taken ────────┴── taken ──> closed, with the error
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from pipit.errors import Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.rpc.auth import TokenFile, Tokens
from pipit.rpc.server import bind
from pipit.service.certificate import Certificate
from pipit.service.credentials import read_certificate
from pipit.service.descriptors import allow_connections
from pipit.service.metrics_server import MetricsServer
from pipit.service.settings import ServiceSettings

_SPARE_SECONDS = 5.0
"""What gRPC may take, beyond the grace period, to cut off what has not ended."""

_log = get_logger(__name__)


class Listener:
    """The ports of one `grpc.Server`, whose servicers are there already."""

    def __init__(
        self, settings: ServiceSettings, server: grpc.Server, services: Sequence[str], metrics: CollectorRegistry
    ) -> None:
        """services: full names, which reflection lists beside health and itself. metrics: what Prometheus is given."""
        self._settings = settings
        self._server = server
        self._metrics = metrics
        self._close_metrics: Callable[[], None] = lambda: None
        self._certificate: Certificate | None = None
        self.port = 0
        """For calls; once open."""
        self.metrics_port = 0
        """For Prometheus; once open."""
        if settings.reflection:
            reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    def open(self) -> None:
        """Begins to answer. Raises Unavailable if a port is taken, InvalidInput for a wrong certificate."""
        settings = self._settings
        self._certificate = read_certificate(settings)
        allow_connections(settings.max_connections)
        credentials = None if self._certificate is None else self._certificate.credentials
        # First the one that can be closed again: gRPC keeps a port that it has bound until its server is started.
        self._open_metrics()
        try:
            self.port = bind(self._server, address_of(settings.host, settings.port), credentials)
        except BaseException:
            self.close()
            raise
        self._server.start()
        if settings.is_anonymous:
            _log.warning("anonymous_server", host=settings.host, advice="whoever reaches it may do all; set tokens")
        if settings.is_plain:
            _log.warning(
                "insecure_server",
                host=settings.host,
                advice="whoever is on the way may listen to calls; set tls_certificate and tls_key",
            )

    def report(self, metrics: Metrics, tokens: Tokens) -> None:
        """Lets metrics say when the certificate ends, and whether new files are broken."""
        metrics.gauge("pipit_certificate_expires_timestamp_seconds").set_function(
            lambda: 0.0 if self._certificate is None else self._certificate.expires
        )
        stale = metrics.gauge("pipit_credentials_stale")
        stale.labels("certificate").set_function(
            lambda: float(self._certificate is not None and self._certificate.is_stale)
        )
        stale.labels("tokens").set_function(lambda: float(isinstance(tokens, TokenFile) and tokens.is_stale))

    def _open_metrics(self) -> None:
        host, port = self._settings.metrics_host, self._settings.metrics_port
        try:
            server = MetricsServer(host.strip("[]"), port, self._metrics)
        except OSError as error:
            raise Unavailable(
                f"can't listen on {address_of(host, port)} for metrics: {error.strerror}; set metrics_host and "
                "metrics_port, where a port of 0 is one that the system chooses"
            ) from error
        self.metrics_port = server.port
        self._close_metrics = server.close

    def drain(self, grace: float) -> Callable[[], None]:
        """Takes no new calls, and cuts off after `grace` seconds those that have begun.

        Gives what waits until they have ended.
        """
        ended = self._server.stop(grace)

        def wait() -> None:
            if not ended.wait(grace + _SPARE_SECONDS):
                _log.warning("calls_left", advice="calls did not end although they were cut off")

        return wait

    def close(self) -> None:
        """Closes the port for metrics too. May be called at any time, again too."""
        close, self._close_metrics = self._close_metrics, lambda: None
        close()


def address_of(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
