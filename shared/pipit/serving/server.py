"""The inference server: wires sources, hosts, data plane and services together, and starts and stops them in order.

start:  metrics port ──> gRPC port (NOT_SERVING) ──> source ──> hosts load ──> SERVING
stop:   NOT_SERVING ──> no new calls ──> calls and streams end, at most the grace period ──> models freed
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import grpc

from pipit._pb.open_inference.v2 import open_inference_pb2, open_inference_pb2_grpc
from pipit._pb.pipit.faces.v1 import faces_pb2, faces_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2, inference_pb2_grpc
from pipit.allocator import keep_freed_memory
from pipit.bundle.keyring import Keyring
from pipit.inputs.limits import ROOM
from pipit.inputs.memory import Budget
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.pipelines import Pipeline, load_pipeline
from pipit.proving import ChildProver, Limits, Prover, Trials, prove_here
from pipit.rpc.call_metrics import CallMetrics
from pipit.rpc.callers import Role
from pipit.rpc.server import MEBIBYTE
from pipit.service.credentials import read_callers
from pipit.service.doors import build_guarded, stream_budget
from pipit.service.listener import Listener
from pipit.service.process import serve_until_signal
from pipit.serving.admission import Admission
from pipit.serving.data_plane import DataPlane
from pipit.serving.faces_keyless import KeylessFaceServicer
from pipit.serving.gallery_keeper import GalleryKeeper
from pipit.serving.health import HealthReport
from pipit.serving.host import ModelHost
from pipit.serving.inference_servicer import InferenceServicer
from pipit.serving.loading import LoaderOptions, ModelLoader
from pipit.serving.open_inference import OpenInferenceServicer
from pipit.serving.recent import RecentAnswers
from pipit.serving.settings import ServingSettings
from pipit.serving.sources import DirectorySource, RegistrySource, Source
from pipit.workers.crew import Crew, most_workers

if TYPE_CHECKING:
    from pipit.serving.face_side import FaceSide
    from pipit.serving.fleet_side import FleetSide
    from pipit.serving.keeping import Keeping

SERVICES = ("pipit.inference.v1.InferenceService", "pipit.faces.v1.FaceService", "inference.GRPCInferenceService")
_WAITING = 64
"""Calls that wait for a thread, each with its message in memory."""
_SPARE_THREADS = 4
"""For calls that need no turn (health, lists), and to tell the others that the queue is full."""

_log = get_logger(__name__)


class InferenceServer:
    """One process's server."""

    def __init__(self, settings: ServingSettings, pipelines: Callable[..., Pipeline] = load_pipeline) -> None:
        """pipelines: others than those that are installed are proven in this process, without a fence around them.

        No other process computes for those.

        Raises InvalidInput, NotFound for settings that name what is not there.
        """
        self._settings = settings
        self.metrics = Metrics("inference")
        self._tokens = read_callers(settings)
        self.memory = Budget(settings.decode_mib * MEBIBYTE)
        self.admission = Admission(settings.concurrency, settings.queue, self.memory, self._tokens.share)
        self.keyring = _keyring(settings)
        self._source = _source(settings, self.keyring)
        self._health = HealthReport()
        self.keeper = GalleryKeeper(settings.gallery, self.metrics)
        self._faces = _face_side(settings, self.keeper)
        self._crew = _crew(settings, self.metrics, self.admission, pipelines)
        options = _loader_options(settings, self.keyring, self.admission, self._crew)
        trials = Trials(settings.cache_dir.expanduser() / "trials")
        prover = _prover(settings, trials, pipelines)
        loader = ModelLoader(options, self.metrics, trials, pipelines, self.keeper, prover)
        environment = self._source.environment
        self.hosts = {
            task: ModelHost(
                task,
                environment,
                settings.device_id,
                loader,
                self.metrics,
                self._changed,
                settings.trial_seconds,
                stops_untrusted=settings.untrusted == "stop",
                keeps_standby=settings.standby == "auto",
            )
            for task in self._source.tasks
        }
        self.keyring.on_change = self._recheck
        self._recent = RecentAnswers(settings.recent_answers)
        self.keeper.on_names = self._names_changed
        look_on = self._faces.look_on if self._faces is not None else None
        self.plane = DataPlane(self.hosts, self.admission, self.metrics, self._recent, look_on)
        self.plane.crew = self._crew
        self.streams = stream_budget(settings.streams, self._tokens)
        self.metrics.gauge("pipit_streams_open").set_function(lambda: self.streams.open_streams)
        self._fleet = _fleet_side(settings, self._source, self.plane, self.metrics, self.memory)
        self._keeping = _keeping(settings, self._source, self.plane, self.metrics, self.memory, self._fleet)
        self._listener = Listener(settings, self._build(), SERVICES, self.metrics.registry)
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
        """Listens, and begins to load. What it raises has left nothing behind.

        Raises Unavailable if a port is taken, InvalidInput for a wrong certificate.
        """
        try:
            self._update_health()
            if self._faces is not None:
                self._faces.start()
            self._listener.open()
            for host in self.hosts.values():
                host.start()
            self.keyring.start()
            self._source.start(self.hosts)
            if self._fleet is not None:
                self._fleet.start()
            if self._keeping is not None:
                self._keeping.start()
        except BaseException:
            self._end(0.0)
            raise
        _log.info("started", port=self.port, metrics_port=self.metrics_port, tasks=list(self.hosts))

    def stop(self, grace: float | None = None) -> None:
        """Ends calls that have begun, at most for `grace` seconds (default: the settings'), and frees everything."""
        self._end(self._settings.grace_seconds if grace is None else grace)
        _log.info("stopped", port=self.port)

    def _end(self, grace: float) -> None:
        self.plane.drain()
        self._update_health()
        if self._fleet is not None:
            self._fleet.settle()
        if self._keeping is not None:
            self._keeping.settle()
        self._source.stop()
        for host in self.hosts.values():
            host.settle()
        self.keyring.stop()
        self._listener.drain(grace)()
        for host in self.hosts.values():
            host.stop()
        if self._crew is not None:
            self._crew.stop()
        self._source.close()
        if self._fleet is not None:
            self._fleet.stop()
        if self._keeping is not None:
            self._keeping.stop()
        if self._faces is not None:
            self._faces.stop()
        self._listener.close()
        self._health.close()

    def _recheck(self) -> None:
        for host in self.hosts.values():
            host.recheck()

    def _names_changed(self, names: Collection[str]) -> None:
        self._recent.forget_other_names(names)
        if self._fleet is not None:
            self._fleet.forget_people()
        if self._keeping is not None:
            self._keeping.forget_people()

    def _changed(self) -> None:
        self._update_health()
        if self._fleet is not None:
            self._fleet.changed()

    def _update_health(self) -> None:
        self._health.update(self.plane)

    def _build(self) -> grpc.Server:
        settings = self._settings
        server = build_guarded(
            settings,
            self._tokens,
            _methods(),
            self.streams,
            [CallMetrics(self.metrics)],
            threads=settings.concurrency + settings.queue + _SPARE_THREADS,
            waiting=_WAITING,
            # One more, so that no core idles while a call waits for its message.
            eager=settings.concurrency + 1,
            # Who sends pictures of a person holds a model.
            receiving=[method for method in _methods() if method.startswith("/pipit.faces.")],
            max_message_bytes=settings.max_message_mib * MEBIBYTE + ROOM,
        )
        inference_pb2_grpc.add_InferenceServiceServicer_to_server(InferenceServicer(self.plane), server)
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(OpenInferenceServicer(self.plane), server)
        faces_pb2_grpc.add_FaceServiceServicer_to_server(self._face_servicer(), server)
        self._health.add_to(server)
        return server

    def _face_servicer(self) -> faces_pb2_grpc.FaceServiceServicer:
        if self._faces is None:
            return KeylessFaceServicer()
        from pipit.serving.faces_servicer import FaceServicer  # noqa: PLC0415 (looks at pictures; see `_face_side`)

        return FaceServicer(self.plane, self._faces.access)


def serve(settings: ServingSettings) -> int:
    """Serves until SIGTERM or SIGINT; gives the process's exit code. Must be called on the main thread."""
    keep_freed_memory()
    serve_until_signal(lambda: InferenceServer(settings))
    return 0


def _methods() -> dict[str, frozenset[Role]]:
    """Every call to a model is for anybody known; who people are is for enrollers to say, and to see."""
    allowed = ((inference_pb2, Role), (open_inference_pb2, Role), (faces_pb2, (Role.ENROLLER,)))
    return {
        f"/{service.full_name}/{method.name}": frozenset(roles)
        for module, roles in allowed
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


def _keyring(settings: ServingSettings) -> Keyring:
    # Without a registry there is nothing to learn.
    memory = None if settings.bundle else settings.cache_dir.expanduser() / "keys.json"
    return Keyring(files=settings.trusted_keys, memory=memory)


def _source(settings: ServingSettings, keyring: Keyring) -> Source:
    return DirectorySource(settings.bundle) if settings.bundle else RegistrySource(settings, keyring)


def _fleet_side(
    settings: ServingSettings, source: Source, plane: DataPlane, metrics: Metrics, memory: Budget
) -> FleetSide | None:
    """None without a registry."""
    if not isinstance(source, RegistrySource):
        return None
    from pipit.serving.fleet_side import FleetSide  # noqa: PLC0415 (brings the registry's client; see `RegistrySource`)

    return FleetSide(settings, source, plane, metrics, memory)


def _keeping(
    settings: ServingSettings,
    source: Source,
    plane: DataPlane,
    metrics: Metrics,
    memory: Budget,
    fleet: FleetSide | None,
) -> Keeping | None:
    """None without a registry, which alone knows of a consent."""
    if not isinstance(source, RegistrySource) or fleet is None:
        if settings.capture == "never":
            from pipit.serving.keeping import forget_kept  # noqa: PLC0415 (of a time with a registry; as above)

            forget_kept(settings)
        return None
    from pipit.serving.keeping import keeping_of  # noqa: PLC0415 (as above)

    plane.keeping = keeping_of(settings, source, metrics, memory, fleet.say_beside)
    return plane.keeping


def _face_side(settings: ServingSettings, keeper: GalleryKeeper) -> FaceSide | None:
    """None without a key."""
    if settings.gallery_key is None:
        return None
    # A server of recordings may have nothing that reads pictures, and no use for the memory of it.
    from pipit.serving.face_side import FaceSide  # noqa: PLC0415

    return FaceSide(settings, settings.gallery_key, keeper, settings.device_id)


def _prover(settings: ServingSettings, trials: Trials, pipelines: Callable[..., Pipeline]) -> Prover:
    """Where pipelines are not those that are installed, another process would not find them."""
    if pipelines is not load_pipeline:
        return prove_here(pipelines)
    return ChildProver(_limits(settings), trials.turn)


def _limits(settings: ServingSettings) -> Limits:
    return Limits(settings.prove_seconds, settings.prove_mib * MEBIBYTE)


def _crew(
    settings: ServingSettings, metrics: Metrics, admission: Admission, pipelines: Callable[..., Pipeline]
) -> Crew | None:
    """None where this process is to compute everything."""
    decode = settings.decode_mib * MEBIBYTE
    most = most_workers(settings.processes, settings.concurrency, decode)
    if not most or pipelines is not load_pipeline:
        return None
    return Crew(most, decode, metrics, admission.widen)


def _loader_options(
    settings: ServingSettings, keyring: Keyring, admission: Admission, crew: Crew | None
) -> LoaderOptions:
    return LoaderOptions(
        keyring,
        settings.variant,
        settings.runtime_threads,
        settings.concurrency,
        settings.batch_rows,
        settings.batch_delay_ms / 1000.0,
        settings.max_rows,
        lambda: admission.running > 1,
        crew,
        limits=_limits(settings),
    )
