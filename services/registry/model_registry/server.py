"""The registry's server: wires the parts together, and starts and stops them in order.

start:  metrics port ──> gRPC port, alive ──> store looked at ──> SERVING while the store answers
stop:   NOT_SERVING ──> watches end ──> other calls end, at most the grace period ──> ports closed
"""

from __future__ import annotations

from collections.abc import Callable

import grpc
from grpc_reflection.v1alpha import reflection
from pipit._pb.pipit.audit.v1 import audit_pb2_grpc
from pipit._pb.pipit.examples.v1 import examples_pb2_grpc
from pipit._pb.pipit.fleet.v1 import fleet_pb2_grpc
from pipit._pb.pipit.galleries.v1 import galleries_pb2_grpc
from pipit._pb.pipit.labels.v1 import labels_pb2_grpc
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.galleries import StoredGalleries
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.rpc.auth import Tokens
from pipit.rpc.call_metrics import CallMetrics
from pipit.rpc.places import Places
from pipit.rpc.pools import BoundedPool
from pipit.rpc.streams import StreamBudget
from pipit.service.credentials import read_callers, read_trusted_keys
from pipit.service.doors import build_guarded
from pipit.service.listener import Listener
from pipit.service.process import serve_until_signal
from pipit.storage import LocalStore, ObjectStore

from model_registry import audit_servicer, gallery_servicer
from model_registry.audit_log import AuditLog
from model_registry.audit_servicer import AuditServicer
from model_registry.environments import Environments
from model_registry.examples import servicer as example_servicer
from model_registry.examples.parts import ExampleParts
from model_registry.fleet import servicer as fleet_servicer
from model_registry.fleet.hub import KEYS, Item, RegistryHub
from model_registry.fleet.parts import FleetParts
from model_registry.fleet.servicer import FleetServicer
from model_registry.gallery_servicer import GalleryServicer
from model_registry.health import StoreHealth
from model_registry.keys import Keys
from model_registry.labels import servicer as label_servicer
from model_registry.labels.events import Labels
from model_registry.labels.servicer import LabelServicer
from model_registry.labels.sets import LabelSets
from model_registry.publishing import Publisher, PublishLimits
from model_registry.servicer import METHOD_ROLES, SERVICE, RegistryServicer, Transfers
from model_registry.settings import RegistrySettings
from model_registry.uploads import MEBIBYTE, Uploads
from model_registry.versions import Versions
from model_registry.watching import GalleryHub

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
_OTHERS = (fleet_servicer, gallery_servicer, audit_servicer, example_servicer, label_servicer)
_SERVICES = (SERVICE, *(each.SERVICE for each in _OTHERS))
_METHOD_ROLES = METHOD_ROLES | {method: roles for each in _OTHERS for method, roles in each.METHOD_ROLES.items()}
_WAITING_PER_THREAD = 16
"""Calls that may wait for one; more are turned away, so that none waits for longer than its caller does."""
_BEGINNING = 2
"""Watches that begin at once."""
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
        self._tokens = read_callers(settings)
        self._health = StoreHealth(self._store, _SERVICES, settings.poll_seconds, self.metrics)
        versions = Versions(self._store)
        galleries = StoredGalleries(self._store)
        environments = Environments(self._store, versions, galleries)
        keys = Keys(self._store, read_trusted_keys(settings))
        audit = AuditLog(self._store, self.metrics)
        fleet = FleetParts(
            self._store,
            settings,
            environments,
            versions,
            audit,
            self.metrics,
            lambda key, item: self._hub.offer(key, item),  # noqa: PLW0108 (there is no hub yet)
        )
        self._tokens.look_elsewhere(fleet.tokens.find)
        self._keeper = fleet.keeper

        def stands(key: tuple[str, str]) -> Item:
            if key == KEYS:
                return keys.list()
            return environments.pointer(*key) if key[0] else fleet.records.get(key[1])

        self._hub = RegistryHub(
            stands,
            settings.poll_seconds,
            settings.max_watchers,
            self._tokens.share,
        )
        environments.on_move(lambda _, after: self._hub.offer((after.task, after.name), after))
        self.metrics.gauge("pipit_registry_watchers").set_function(lambda: self._hub.watchers)
        self._gallery_hub = GalleryHub(galleries.list, settings.poll_seconds, settings.max_watchers, self._tokens.share)
        self.metrics.gauge("pipit_registry_gallery_watchers").set_function(lambda: self._gallery_hub.watchers)
        limits = PublishLimits(settings.max_bundle_mib * MEBIBYTE)
        publisher = Publisher(versions, Uploads(self._store, settings.part_mib * MEBIBYTE), keys, limits)
        transfers = Transfers(
            _places(settings.max_publishes, "publishes", self._tokens),
            _places(settings.max_transfers, "downloads", self._tokens),
        )
        servicer = RegistryServicer(
            self._store,
            versions,
            environments,
            publisher,
            keys,
            self._hub,
            fleet.devices,
            transfers,
            self.metrics,
            audit,
        )
        server = self._build(servicer, GalleryServicer(galleries, self._gallery_hub, self.metrics, audit))
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(
            FleetServicer(fleet.devices, versions, self._hub, fleet.rollouts, environments.pointer, audit, fleet.heard),
            server,
        )
        audit_pb2_grpc.add_AuditServiceServicer_to_server(AuditServicer(audit, transfers.downloads), server)
        labels = Labels(self._store)
        uploads = _places(settings.max_uploads, "uploads", self._tokens)
        examples = ExampleParts(self._store, settings, uploads, transfers.downloads, audit, self.metrics, labels.pack)
        self._sweeper = examples.sweeper
        examples_pb2_grpc.add_ExampleServiceServicer_to_server(examples.servicer, server)
        label_pages = LabelServicer(labels, LabelSets(self._store), transfers.downloads, self.metrics)
        labels_pb2_grpc.add_LabelServiceServicer_to_server(label_pages, server)
        self._listener = Listener(settings, server, _SERVICES, self.metrics.registry)
        self._listener.report(self.metrics, self._tokens)

    @property
    def port(self) -> int:
        """For calls; once started."""
        return self._listener.port

    @property
    def metrics_port(self) -> int:
        """For Prometheus; once started."""
        return self._listener.metrics_port

    def start(self) -> None:
        """Listens. What it raises has left nothing behind.

        Raises Unavailable if a port is taken, InvalidInput for a wrong certificate.
        """
        try:
            self._listener.open()
            self._health.start()
            self._keeper.start()
            self._hub.start()
            self._gallery_hub.start()
            self._sweeper.start()
        except BaseException:
            self._end(0.0)
            raise
        _log.info("started", host=self._settings.host, port=self.port, metrics_port=self.metrics_port)

    def stop(self, grace: float | None = None) -> None:
        """Ends calls that have begun, at most for `grace` seconds (default: the settings'), and closes the ports."""
        self._end(self._settings.grace_seconds if grace is None else grace)
        _log.info("stopped", port=self.port)

    def _end(self, grace: float) -> None:
        self._health.stop()
        wait_for_calls = self._listener.drain(grace)
        self._hub.close()
        self._gallery_hub.close()
        wait_for_calls()
        self._keeper.stop()
        self._sweeper.stop()
        self._listener.close()

    def _build(self, servicer: RegistryServicer, galleries: GalleryServicer) -> grpc.Server:
        settings = self._settings
        # However many devices come back at once, after a power cut: they hold a thread for a moment only.
        beginning = BoundedPool(_BEGINNING, 2 * settings.max_watchers, "watching", self._tokens.share)
        # Each other kind of stream has a limit of its own, below this one.
        streams = settings.max_transfers + settings.max_publishes + settings.max_uploads
        server = build_guarded(
            settings,
            self._tokens,
            _METHOD_ROLES,
            StreamBudget(streams + settings.threads, without=(reflection.SERVICE_NAME,)),
            [CallMetrics(self.metrics)],
            threads=settings.threads,
            waiting=_WAITING_PER_THREAD * settings.threads,
            receiving=(f"/{SERVICE}/Publish", *example_servicer.RECEIVING, *label_servicer.RECEIVING),
            apart={f"{SERVICE}/Watch": beginning, f"{gallery_servicer.SERVICE}/Watch": beginning},
            options=_OPTIONS,
            cut_seconds=settings.grace_seconds,
        )
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(servicer, server)
        galleries_pb2_grpc.add_GalleryServiceServicer_to_server(galleries, server)
        self._health.add_to(server)
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


def _places(places: int, what: str, tokens: Tokens) -> Places:
    return Places(places, f"{places} {what} are under way; try again later", tokens.share)


def serve(settings: RegistrySettings, on_start: Callable[[RegistryServer], None] | None = None) -> int:
    """Serves until SIGTERM or SIGINT, then stops gracefully; gives the exit code. For the main thread."""
    serve_until_signal(lambda: RegistryServer(settings), on_start)
    return 0
