"""The inference server: wires sources, hosts, data plane and services together, and starts and stops them in order.

start:  gRPC port (NOT_SERVING) ──> metrics port ──> source ──> hosts load ──> SERVING
stop:   NOT_SERVING ──> no new calls ──> calls and streams end, at most the grace period ──> models freed
"""

from __future__ import annotations

from collections.abc import Callable
from wsgiref.simple_server import WSGIServer

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from pipit._pb.open_inference.v2 import open_inference_pb2, open_inference_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2, inference_pb2_grpc
from pipit.bundle.signing import load_public_key
from pipit.errors import InvalidInput, Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.pipelines import Pipeline, load_pipeline
from pipit.rpc.auth import AuthInterceptor, Role, read_tokens
from pipit.rpc.call_metrics import CallMetrics
from pipit.rpc.server import MEBIBYTE, Interceptor, bind, build_server, server_credentials
from pipit.rpc.streams import StreamBudget
from pipit.serving.admission import Admission
from pipit.serving.data_plane import DataPlane
from pipit.serving.health import HealthReport
from pipit.serving.host import ModelHost
from pipit.serving.inference_servicer import InferenceServicer
from pipit.serving.loading import LoaderOptions, ModelLoader
from pipit.serving.open_inference import OpenInferenceServicer
from pipit.serving.recent import RecentAnswers
from pipit.serving.settings import ServingSettings
from pipit.serving.sources import DirectorySource, RegistrySource, Source

OPEN_SERVICES = (health.SERVICE_NAME, reflection.SERVICE_NAME)
"""Probes and tools ask these without a token."""
SERVICES = ("pipit.inference.v1.InferenceService", "inference.GRPCInferenceService", *OPEN_SERVICES)
_SPARE_THREADS = 4
"""For calls that need no turn (health, lists), and to tell the others that the queue is full."""

_log = get_logger(__name__)


class InferenceServer:
    """One process's server."""

    def __init__(
        self,
        settings: ServingSettings,
        pipelines: Callable[..., Pipeline] = load_pipeline,
        shares_port: bool = False,
    ) -> None:
        """shares_port: other processes listen on the same port.

        Raises InvalidInput, NotFound for settings that name what is not there.
        """
        self._settings = settings
        self._shares_port = shares_port
        self.metrics = Metrics("inference")
        self.admission = Admission(settings.concurrency, settings.queue)
        keys = tuple(load_public_key(path) for path in settings.trusted_keys)
        self._source = _source(settings, keys)
        self._health = HealthReport()
        loader = ModelLoader(_loader_options(settings, keys, self.admission), self.metrics, pipelines)
        environment = self._source.environment
        self.hosts = {
            task: ModelHost(task, environment, settings.device_id, loader, self.metrics, self._update_health)
            for task in self._source.tasks
        }
        self.plane = DataPlane(self.hosts, self.admission, self.metrics, RecentAnswers(settings.recent_answers))
        self.streams = StreamBudget(settings.streams)
        self.metrics.gauge("pipit_streams_open").set_function(lambda: self.streams.open_streams)
        self._server = self._build()
        self._metrics_server: WSGIServer | None = None
        self.port = 0
        """For calls; once started."""
        self.metrics_port = 0
        """For Prometheus; once started."""

    def start(self) -> None:
        """Listens, and begins to load. Raises Unavailable if a port is taken."""
        settings = self._settings
        self._update_health()
        self.port = bind(self._server, f"{settings.host}:{settings.port}", _credentials(settings))
        try:
            self._metrics_server, _ = start_http_server(
                settings.metrics_port, settings.metrics_host, self.metrics.registry
            )
        except OSError as error:
            raise Unavailable(
                f"can't listen on {settings.metrics_host}:{settings.metrics_port} for metrics: {error.strerror}"
            ) from error
        self.metrics_port = self._metrics_server.server_port
        self._server.start()
        if settings.tokens is None and not settings.host.startswith(("127.", "localhost", "[::1]")):
            _log.warning("open_server", host=settings.host, advice="whoever reaches it may call it; set tokens")
        for host in self.hosts.values():
            host.start()
        self._source.start(self.hosts)
        _log.info("started", port=self.port, metrics_port=self.metrics_port, tasks=list(self.hosts))

    def stop(self, grace: float | None = None) -> None:
        """Ends calls that have begun, at most for `grace` seconds (default: the settings'), and frees everything."""
        grace = self._settings.grace_seconds if grace is None else grace
        self.plane.drain()
        self._update_health()
        self._source.stop()
        self._server.stop(grace).wait()
        for host in self.hosts.values():
            host.stop()
        self._source.close()
        if self._metrics_server is not None:
            self._metrics_server.shutdown()
            self._metrics_server.server_close()
        _log.info("stopped", port=self.port)

    def _update_health(self) -> None:
        self._health.update(self.plane)

    def _build(self) -> grpc.Server:
        settings = self._settings
        server = build_server(
            _interceptors(settings, self.streams),
            [CallMetrics(self.metrics)],
            max_workers=settings.concurrency + settings.queue + _SPARE_THREADS,
            options=[("grpc.so_reuseport", int(self._shares_port))],
            max_message_bytes=settings.max_message_mib * MEBIBYTE,
            # Without a grace period: a stream would lose sound by it, and its client has no other way to go on.
            max_connection_age_seconds=settings.max_connection_age_seconds,
        )
        inference_pb2_grpc.add_InferenceServiceServicer_to_server(InferenceServicer(self.plane), server)
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(OpenInferenceServicer(self.plane), server)
        self._health.add_to(server)
        if settings.reflection:
            reflection.enable_server_reflection(SERVICES, server)
        return server


def _interceptors(settings: ServingSettings, streams: StreamBudget) -> list[Interceptor]:
    if settings.tokens is None:
        return [streams]
    anybody_known = frozenset(Role)
    methods = {
        f"/{service.full_name}/{method.name}": anybody_known
        for module in (inference_pb2, open_inference_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    return [AuthInterceptor(read_tokens(settings.tokens), methods, OPEN_SERVICES), streams]


def _source(settings: ServingSettings, keys: tuple[Ed25519PublicKey, ...]) -> Source:
    return DirectorySource(settings.bundle) if settings.bundle else RegistrySource(settings, keys)


def _loader_options(
    settings: ServingSettings, keys: tuple[Ed25519PublicKey, ...], admission: Admission
) -> LoaderOptions:
    return LoaderOptions(
        keys,
        settings.variant,
        settings.runtime_threads,
        settings.concurrency,
        settings.batch_rows,
        settings.batch_delay_ms / 1000.0,
        lambda: admission.running > 1,
    )


def _credentials(settings: ServingSettings) -> grpc.ServerCredentials | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    try:
        return server_credentials(settings.tls_certificate.read_bytes(), settings.tls_key.read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"{error.filename} can't be read ({error.strerror}); set tls_certificate and tls_key"
        ) from error
