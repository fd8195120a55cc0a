"""The registry's server: wires the parts together, and starts and stops them in order.

start:  store looked at ──> gRPC port ──> metrics port ──> SERVING while the store answers
stop:   NOT_SERVING ──> watches end ──> other calls end, at most the grace period ──> ports closed
"""

from __future__ import annotations

from wsgiref.simple_server import WSGIServer

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle.signing import load_public_key
from pipit.errors import InvalidInput, Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.rpc.auth import AuthInterceptor, Tokens, read_tokens
from pipit.rpc.call_metrics import CallMetrics
from pipit.rpc.server import bind, build_server, server_credentials
from pipit.rpc.streams import StreamBudget
from pipit.storage import LocalStore, ObjectStore
from prometheus_client import start_http_server

from model_registry.environments import Environments
from model_registry.health import StoreHealth
from model_registry.publishing import Publisher, PublishLimits
from model_registry.servicer import METHOD_ROLES, SERVICE, RegistryServicer
from model_registry.settings import RegistrySettings
from model_registry.slots import Slots
from model_registry.uploads import MEBIBYTE, Uploads
from model_registry.versions import Versions
from model_registry.watching import AssignmentHub

_OPEN_SERVICES = (health.SERVICE_NAME, reflection.SERVICE_NAME)
_SERVICES = (SERVICE, *_OPEN_SERVICES)
_OPTIONS = (
    # A device that lost its power does not say so; what it held is free again after this.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Devices ask in the same way whether the registry is alive, while a watch has nothing to say.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
_WAITING_PER_THREAD = 16
"""Calls that may wait for one; more are turned away, so that none waits for longer than its caller does."""
_log = get_logger("model_registry.server")


class RegistryServer:
    """One copy of the service."""

    def __init__(self, settings: RegistrySettings) -> None:
        """Raises InvalidInput or NotFound for settings that name what is not there.

        Raises Unavailable if the folder of the store can't be made; a MinIO that is away is waited for.
        """
        self._settings = settings
        self.metrics = Metrics("registry")
        self._store = open_store(settings)
        self._tokens = Tokens(None) if settings.tokens is None else read_tokens(settings.tokens)
        self._health = StoreHealth(self._store, (SERVICE,), settings.poll_seconds, self.metrics)
        versions = Versions(self._store)
        environments = Environments(self._store, versions)
        self._hub = AssignmentHub(environments.assignment, settings.poll_seconds, settings.max_watchers)
        self.metrics.gauge("pipit_registry_watchers").set_function(lambda: self._hub.watchers)
        publisher = Publisher(versions, Uploads(self._store, settings.part_mib * MEBIBYTE), _limits(settings))
        transfers = Slots(settings.max_transfers, f"{settings.max_transfers} transfers are under way; try again later")
        servicer = RegistryServicer(
            self._store, versions, environments, publisher, self._hub, transfers, self._tokens, self.metrics
        )
        self._server = self._build(servicer)
        self._metrics_server: WSGIServer | None = None
        self.port = 0
        """For calls; once started."""
        self.metrics_port = 0
        """For Prometheus; once started."""

    def start(self) -> int:
        """Listens; gives the port for calls. Raises Unavailable if a port is taken."""
        settings = self._settings
        if not self._tokens.required:
            _log.warning("open_registry", advice="whoever reaches it may change what devices run; set tokens")
        self.port = bind(self._server, f"{settings.host}:{settings.port}", _credentials(settings))
        try:
            self._metrics_server, _ = start_http_server(
                settings.metrics_port, settings.metrics_host, self.metrics.registry
            )
        except OSError as error:
            self._server.stop(None)
            raise Unavailable(
                f"can't listen on {settings.metrics_host}:{settings.metrics_port} for metrics: {error.strerror}"
            ) from error
        self.metrics_port = self._metrics_server.server_port
        self._health.start()
        self._hub.start()
        self._server.start()
        _log.info("started", host=settings.host, port=self.port, metrics_port=self.metrics_port)
        return self.port

    def stop(self, grace: float | None = None) -> None:
        """Ends calls that have begun, at most for `grace` seconds (default: the settings'), and closes the ports."""
        grace = self._settings.grace_seconds if grace is None else grace
        self._health.stop()
        stopped = self._server.stop(grace)
        self._hub.close()
        stopped.wait()
        if self._metrics_server is not None:
            self._metrics_server.shutdown()
            self._metrics_server.server_close()
        _log.info("stopped", port=self.port)

    def _build(self, servicer: RegistryServicer) -> grpc.Server:
        settings = self._settings
        server = build_server(
            [
                AuthInterceptor(self._tokens, METHOD_ROLES, _OPEN_SERVICES),
                # Both kinds of stream have a limit of their own, below this one.
                StreamBudget(settings.max_watchers + settings.max_transfers + settings.threads),
            ],
            [CallMetrics(self.metrics)],
            max_workers=settings.threads,
            max_concurrent=settings.max_watchers + settings.max_transfers + _WAITING_PER_THREAD * settings.threads,
            options=_OPTIONS,
            max_connection_age_seconds=settings.max_connection_age_seconds,
            max_connection_age_grace_seconds=settings.grace_seconds,
        )
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(servicer, server)
        self._health.add_to(server)
        if settings.reflection:
            reflection.enable_server_reflection(_SERVICES, server)
        return server


def open_store(settings: RegistrySettings) -> ObjectStore:
    """The store that the settings name. Raises InvalidInput, Unavailable."""
    if not settings.minio_endpoint:
        return LocalStore(settings.store.expanduser())
    from pipit.storage.minio import MinioStore  # noqa: PLC0415 (needs a package that a local registry does not)

    return MinioStore(
        settings.minio_endpoint,
        settings.minio_bucket,
        settings.minio_access_key,
        settings.minio_secret_key.get_secret_value(),
        settings.minio_secure,
        settings.minio_region,
    )


def _limits(settings: RegistrySettings) -> PublishLimits:
    return PublishLimits(
        settings.max_bundle_mib * MEBIBYTE, tuple(load_public_key(path) for path in settings.trusted_keys)
    )


def _credentials(settings: RegistrySettings) -> grpc.ServerCredentials | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    try:
        return server_credentials(settings.tls_certificate.read_bytes(), settings.tls_key.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{error.filename} can't be read: {error.strerror}") from error
