"""`pipit.galleries.v1.GalleryService`: from the wire to `pipit.galleries`, and back. Nobody here has a key."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Callable

import grpc
from pipit._pb.pipit.galleries.v1 import galleries_pb2 as pb
from pipit._pb.pipit.galleries.v1 import galleries_pb2_grpc
from pipit.galleries import StoredGalleries, wire
from pipit.galleries.index import check_gallery
from pipit.metrics import Metrics
from pipit.rpc.callers import Role, caller
from pipit.rpc.handlers import holds_no_thread

from model_registry.audit_log import AuditLog
from model_registry.watching import GalleryHub

SERVICE = pb.DESCRIPTOR.services_by_name["GalleryService"].full_name
# Sealed as they are, people are for those who name them and those who say who they are. Only a device may say that it
# has forgotten somebody.
_FOLLOWERS = frozenset({Role.DEVICE, Role.ENROLLER})
_ROLES = {
    "List": _FOLLOWERS,
    "Get": _FOLLOWERS,
    "Put": frozenset({Role.ENROLLER}),
    "Forget": frozenset({Role.ENROLLER}),
    "Watch": _FOLLOWERS,
    "Acknowledge": frozenset({Role.DEVICE}),
    "ListDevices": _FOLLOWERS,
}
METHOD_ROLES = {f"/{SERVICE}/{method}": roles for method, roles in _ROLES.items()}
"""Who may call what, for AuthInterceptor."""


class GalleryServicer(galleries_pb2_grpc.GalleryServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Raises errors of the tree; ErrorInterceptor turns them into statuses."""

    def __init__(self, galleries: StoredGalleries, hub: GalleryHub, metrics: Metrics, audit: AuditLog) -> None:
        self._galleries = galleries
        self._hub = hub
        self._audit = audit
        self._changes = metrics.counter("pipit_registry_gallery_changes_total")

    def List(self, request: pb.ListRequest, context: grpc.ServicerContext) -> pb.ListResponse:
        return wire.listing_to_proto(self._galleries.list(request.gallery))

    def Get(self, request: pb.GetRequest, context: grpc.ServicerContext) -> pb.GetResponse:
        sealed = self._galleries.get(request.gallery, request.id, request.crops)
        return pb.GetResponse(person=wire.sealed_to_proto(sealed))

    def Put(self, request: pb.PutRequest, context: grpc.ServicerContext) -> pb.PutResponse:
        person = wire.sealed_from_proto(request.person)
        with self._audit.act(context, "put person", _subject(request.gallery, person.id)) as act:
            revision = self._galleries.put(
                request.gallery,
                person,
                request.expected_revision,
                request.seen_revision if request.HasField("seen_revision") else None,
            )
            act.after = f"revision {revision}"
        self._changed(request.gallery, "put")
        return pb.PutResponse(revision=revision)

    def Forget(self, request: pb.ForgetRequest, context: grpc.ServicerContext) -> pb.ForgetResponse:
        with self._audit.act(context, "forget person", _subject(request.gallery, request.id)) as act:
            tombstone = self._galleries.forget(request.gallery, request.id)
            act.after = f"revision {tombstone.revision}"
        self._changed(request.gallery, "forget")
        return pb.ForgetResponse(tombstone=wire.tombstone_to_proto(tombstone))

    @holds_no_thread
    def Watch(
        self, request: pb.WatchRequest, context: grpc.ServicerContext, send: Callable[[pb.WatchResponse], None]
    ) -> None:
        check_gallery(request.gallery)
        self._hub.watch(
            (request.gallery,), context, send, lambda listing: [pb.WatchResponse(revision=listing.revision)]
        )

    def Acknowledge(self, request: pb.AcknowledgeRequest, context: grpc.ServicerContext) -> pb.AcknowledgeResponse:
        caller().check_device(request.device_id)
        self._galleries.acknowledge(request.gallery, request.device_id, request.revision)
        return pb.AcknowledgeResponse()

    def ListDevices(self, request: pb.ListDevicesRequest, context: grpc.ServicerContext) -> pb.ListDevicesResponse:
        states = self._galleries.devices(request.gallery)
        return pb.ListDevicesResponse(devices=[wire.device_to_proto(state) for state in states])

    def _changed(self, gallery: str, action: str) -> None:
        self._changes.labels(gallery, action).inc()
        self._hub.look(gallery)


def _subject(gallery: str, person: str) -> str:
    """In the audit log, where names have no place: who was forgotten must not live on in it."""
    return f"{person[:64]} of {check_gallery(gallery)}"
