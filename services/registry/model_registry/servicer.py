"""`pipit.registry.v1.RegistryService`: from the wire to the parts that know, and back."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.errors import InvalidInput, NotFound
from pipit.metrics import Metrics
from pipit.registry import wire
from pipit.registry.types import Environment
from pipit.rpc.callers import ANYBODY, Role, caller
from pipit.rpc.handlers import holds_no_thread
from pipit.rpc.places import Places
from pipit.rpc.timestamps import moment
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.audit_log import AuditLog
from model_registry.environments import Environments
from model_registry.fleet.devices import Devices
from model_registry.fleet.hub import KEYS, RegistryHub, device_key
from model_registry.fleet.view import DeviceView
from model_registry.keys import Keys
from model_registry.publishing import Chunk, Publisher
from model_registry.versions import Versions

SERVICE = pb.DESCRIPTOR.services_by_name["RegistryService"].full_name
_MOST_TASKS = 100
_ANYBODY_KNOWN = frozenset(Role)
_ROLES = {
    "PreparePublish": frozenset({Role.PUBLISHER}),
    "Publish": frozenset({Role.PUBLISHER}),
    "GetVersion": _ANYBODY_KNOWN,
    "ListVersions": _ANYBODY_KNOWN,
    "Promote": frozenset({Role.OPERATOR}),
    "Rollback": frozenset({Role.OPERATOR}),
    "Resolve": _ANYBODY_KNOWN,
    "Watch": _ANYBODY_KNOWN,
    "Download": _ANYBODY_KNOWN,
    "History": _ANYBODY_KNOWN,
    "ListKeys": _ANYBODY_KNOWN,
    "TrustKey": frozenset({Role.OPERATOR}),
    "RevokeKey": frozenset({Role.OPERATOR}),
    "WhoAmI": _ANYBODY_KNOWN,
}
METHOD_ROLES = {f"/{SERVICE}/{method}": roles for method, roles in _ROLES.items()}
"""Who may call what, for AuthInterceptor."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """Places for streams of content, each kind apart: however much is fetched, there is room to publish the remedy."""

    publishes: Places
    downloads: Places


class RegistryServicer(registry_pb2_grpc.RegistryServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Raises errors of the tree; ErrorInterceptor turns them into statuses."""

    def __init__(
        self,
        store: ObjectStore,
        versions: Versions,
        environments: Environments,
        publisher: Publisher,
        keys: Keys,
        hub: RegistryHub,
        devices: Devices,
        transfers: Transfers,
        metrics: Metrics,
        audit: AuditLog,
    ) -> None:
        self._store = store
        self._versions = versions
        self._environments = environments
        self._publisher = publisher
        self._keys = keys
        self._hub = hub
        self._devices = devices
        self._transfers = transfers
        self._audit = audit
        self._published = metrics.counter("pipit_registry_published_total")

    def PreparePublish(
        self, request: pb.PreparePublishRequest, context: grpc.ServicerContext
    ) -> pb.PreparePublishResponse:
        return wire.plan_to_proto(self._publisher.prepare(request.manifest, request.signature))

    def Publish(self, request: Iterator[pb.PublishRequest], context: grpc.ServicerContext) -> pb.PublishResponse:
        first = next(request, None)
        if first is None or not first.HasField("begin"):
            raise InvalidInput("the first message of a publish must be the manifest (begin)")
        begin = first.begin
        candidate = self._publisher.check(begin.manifest, begin.signature)
        subject = f"{candidate.manifest.task} {candidate.manifest.version}"
        with self._transfers.publishes.take(), self._audit.act(context, "publish", subject) as act:
            published = self._publisher.publish(candidate, _chunks(request), caller().name)
            act.after = published.version.digest
        if published.signature_added:
            self._hub.offer(KEYS, self._keys.touch())
        if published.created:
            self._published.labels(published.version.task).inc()
        return pb.PublishResponse(
            version=wire.version_to_proto(published.version),
            created=published.created,
            signature_added=published.signature_added,
        )

    def GetVersion(self, request: pb.GetVersionRequest, context: grpc.ServicerContext) -> pb.GetVersionResponse:
        caller().check_task(request.task)
        return wire.content_to_proto(self._versions.content(request.task, request.version))

    def ListVersions(self, request: pb.ListVersionsRequest, context: grpc.ServicerContext) -> pb.ListVersionsResponse:
        asking = caller()
        if request.task:
            asking.check_task(request.task)
        versions = self._versions.list(request.task)
        if request.task and not versions:
            raise NotFound(f"nothing of task {request.task} was published")
        environments = self._environments.list(request.task)
        return pb.ListVersionsResponse(
            versions=[wire.version_to_proto(version) for version in versions if asking.may_ask(version.task)],
            environments=[wire.environment_to_proto(entry) for entry in environments if asking.may_ask(entry.task)],
        )

    def Promote(self, request: pb.PromoteRequest, context: grpc.ServicerContext) -> pb.PromoteResponse:
        caller().check_task(request.task)
        before = self._stands(request.task, request.environment)
        subject = f"{request.environment} of {request.task} to {request.version}"
        with self._audit.act(context, "promote", subject, before, request.reason) as act:
            promotion = self._environments.promote(
                request.task,
                request.version,
                request.environment,
                caller().name,
                request.reason,
                request.override_gates,
                request.expected_revision if request.HasField("expected_revision") else None,
                request.newer_than,
            )
            act.after = _shown(promotion.environment)
        return pb.PromoteResponse(
            environment=wire.environment_to_proto(promotion.environment),
            gates=[wire.gate_to_proto(gate) for gate in promotion.gates],
        )

    def Rollback(self, request: pb.RollbackRequest, context: grpc.ServicerContext) -> pb.RollbackResponse:
        caller().check_task(request.task)
        before = self._stands(request.task, request.environment)
        subject = f"{request.environment} of {request.task}"
        with self._audit.act(context, "rollback", subject, before, request.reason) as act:
            environment = self._environments.rollback(request.task, request.environment, caller().name, request.reason)
            act.after = _shown(environment)
        return pb.RollbackResponse(environment=wire.environment_to_proto(environment))

    def Resolve(self, request: pb.ResolveRequest, context: grpc.ServicerContext) -> pb.ResolveResponse:
        caller().check_task(request.task)
        device = self._devices.speaking(request.device_id, asks_only=True)
        view = DeviceView(self._devices.record(device) if device else None)
        assignment = view.assignment(self._environments.pointer(request.task, request.environment))
        if not assignment:
            # Says why there is nothing.
            self._environments.get(request.task, request.environment)
        return pb.ResolveResponse(assignment=wire.assignment_to_proto(assignment))

    @holds_no_thread
    def Watch(
        self, request: pb.WatchRequest, context: grpc.ServicerContext, send: Callable[[pb.WatchResponse], None]
    ) -> None:
        if not 1 <= len(request.tasks) <= _MOST_TASKS:
            raise InvalidInput(f"watch 1 to {_MOST_TASKS} tasks, not {len(request.tasks)}")
        layout.check_environment(request.environment)
        for task in request.tasks:
            layout.check_task(task)
            caller().check_task(task)
        device = self._devices.speaking(request.device_id)
        # Whose signatures are good a device has to know before it is told of a bundle; its pins, before of a version.
        keys = [KEYS] * request.keys + ([device_key(device)] if device else [])
        keys += [(task, request.environment) for task in request.tasks]
        # As the call was let in with it: the device may have another one by now.
        token = None if caller() is ANYBODY else caller().token
        view = DeviceView(self._devices.record(device) if device else None, token)
        self._hub.watch(
            keys,
            context,
            send,
            lambda item: map(wire.news_to_proto, view.told(item)),
            self._devices.watching(device, request.environment, tuple(request.tasks)),
        )

    def Download(self, request: pb.DownloadRequest, context: grpc.ServicerContext) -> Iterator[pb.DownloadResponse]:
        key = layout.blob(request.digest)
        try:
            size = self._store.size(key)
        except NotFound:
            raise NotFound(f"no blob {request.digest}; ask for the digests of a published manifest") from None
        if request.offset > size:
            raise InvalidInput(f"blob {request.digest} has {size} bytes; it has no offset {request.offset}")
        with self._transfers.downloads.take():
            yield pb.DownloadResponse(total_size=size)
            for data in self._store.open(key, request.offset):
                yield pb.DownloadResponse(data=data)

    def History(self, request: pb.HistoryRequest, context: grpc.ServicerContext) -> pb.HistoryResponse:
        caller().check_task(request.task)
        pointer = self._environments.get(request.task, request.environment)
        if not request.HasField("at"):
            return pb.HistoryResponse(moves=[wire.move_to_proto(move) for move in pointer.moves()])
        move = pointer.in_force(moment(request.at))
        return pb.HistoryResponse(moves=[] if move is None else [wire.move_to_proto(move)])

    def _stands(self, task: str, environment: str) -> str:
        return _shown(self._environments.pointer(task, environment).environment)

    def ListKeys(self, request: pb.ListKeysRequest, context: grpc.ServicerContext) -> pb.ListKeysResponse:
        return pb.ListKeysResponse(keys=wire.keys_to_proto(self._keys.list()))

    def TrustKey(self, request: pb.TrustKeyRequest, context: grpc.ServicerContext) -> pb.TrustKeyResponse:
        caller().check_all_tasks("keys are")
        expected = request.expected_revision if request.HasField("expected_revision") else None
        key = wire.key_from_request(request)
        with self._audit.act(context, "trust key", key.id) as act:
            keys = self._keys.trust(key, caller().name, expected)
            act.after = f"revision {keys.revision}"
        self._hub.offer(KEYS, keys)
        return pb.TrustKeyResponse(keys=wire.keys_to_proto(keys))

    def RevokeKey(self, request: pb.RevokeKeyRequest, context: grpc.ServicerContext) -> pb.RevokeKeyResponse:
        caller().check_all_tasks("keys are")
        with self._audit.act(context, "revoke key", request.key_id[:64], reason=request.reason) as act:
            keys = self._keys.revoke(request.key_id, caller().name, request.reason)
            act.after = f"revision {keys.revision}"
        self._hub.offer(KEYS, keys)
        return pb.RevokeKeyResponse(keys=wire.keys_to_proto(keys))

    def WhoAmI(self, request: pb.WhoAmIRequest, context: grpc.ServicerContext) -> pb.WhoAmIResponse:
        asking = caller()
        return pb.WhoAmIResponse(
            name=asking.name,
            roles=sorted(asking.roles),
            tasks=sorted(asking.tasks or ()),
            all_tasks=asking.tasks is None,
            device=asking.device,
            anonymous=asking is ANYBODY,
        )


def _shown(environment: Environment) -> str:
    """Where an environment points, in the audit log."""
    return f"{environment.version}, revision {environment.revision}" if environment.revision else ""


def _chunks(requests: Iterator[pb.PublishRequest]) -> Iterator[Chunk]:
    for request in requests:
        if not request.HasField("chunk"):
            raise InvalidInput("after the manifest, a publish sends chunks only")
        yield Chunk(request.chunk.digest, request.chunk.offset, request.chunk.data)
