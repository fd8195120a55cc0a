"""`pipit.fleet.v1.FleetService`: from the wire to the parts that know, and back."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import grpc
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit._pb.pipit.fleet.v1 import fleet_pb2_grpc
from pipit.errors import InvalidInput
from pipit.fleet import DeviceReport
from pipit.rpc.callers import Role, caller
from pipit.rpc.mirror import from_proto, to_proto

from model_registry import layout
from model_registry.audit_log import AuditLog
from model_registry.fleet.devices import Devices
from model_registry.fleet.hub import RegistryHub, device_key
from model_registry.fleet.limits import check_report
from model_registry.fleet.records import DeviceRecord, PinRecord
from model_registry.fleet.rollouts import Rollouts, Wish, plain
from model_registry.fleet.steward import shown
from model_registry.pointer import Pointer
from model_registry.promotions import check_reason
from model_registry.versions import Versions

SERVICE = pb.DESCRIPTOR.services_by_name["FleetService"].full_name
_MOST_TASKS = 100
_ANYBODY_KNOWN = frozenset(Role)
_OPERATORS = frozenset({Role.OPERATOR})
_ROLES = {
    "Report": frozenset({Role.DEVICE}),
    "ListDevices": _ANYBODY_KNOWN,
    "AddDevice": _OPERATORS,
    "RemoveDevice": _OPERATORS,
    "Pin": _OPERATORS,
    "Unpin": _OPERATORS,
    "StartRollout": _OPERATORS,
    "GetRollout": _ANYBODY_KNOWN,
    "ListRollouts": _ANYBODY_KNOWN,
    "PauseRollout": _OPERATORS,
    "ResumeRollout": _OPERATORS,
    "AbortRollout": _OPERATORS,
}
METHOD_ROLES = {f"/{SERVICE}/{method}": roles for method, roles in _ROLES.items()}
"""Who may call what, for AuthInterceptor."""


class FleetServicer(fleet_pb2_grpc.FleetServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Raises errors of the tree; ErrorInterceptor turns them into statuses."""

    def __init__(
        self,
        devices: Devices,
        versions: Versions,
        hub: RegistryHub,
        rollouts: Rollouts,
        stands: Callable[[str, str], Pointer],
        audit: AuditLog,
        heard: Callable[[str], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """stands: where an environment of a task points, by task and name. now: an aware time.

        heard: called with its environment when a device has reported; gives the seconds until its next report.
        """
        self._devices = devices
        self._versions = versions
        self._hub = hub
        self._audit = audit
        self._rollouts = rollouts
        self._stands = stands
        self._heard = heard
        self._now = now

    def Report(self, request: pb.ReportRequest, context: grpc.ServicerContext) -> pb.ReportResponse:
        check_report(request)
        self._devices.report(from_proto(request, DeviceReport), request.ByteSize())
        return pb.ReportResponse(next_seconds=self._heard(request.environment))

    def ListDevices(self, request: pb.ListDevicesRequest, context: grpc.ServicerContext) -> pb.ListDevicesResponse:
        if request.environment:
            layout.check_environment(request.environment)
        if request.task:
            caller().check_task(layout.check_task(request.task))
        devices = self._devices.list(request.environment, request.task, caller().may_ask)
        return pb.ListDevicesResponse(devices=[to_proto(device, pb.Device) for device in devices])

    def AddDevice(self, request: pb.AddDeviceRequest, context: grpc.ServicerContext) -> pb.AddDeviceResponse:
        caller().check_all_tasks("devices are")
        if len(request.tasks) > _MOST_TASKS:
            raise InvalidInput(f"a token for {len(request.tasks)} tasks; name at most {_MOST_TASKS}, or none for all")
        layout.device(request.device_id)
        with self._audit.act(context, "add device", request.device_id) as act:
            token, replaced = self._devices.add(request.device_id, request.tasks)
            act.before, act.after = "it had a token" if replaced else "", "it has a token"
        self._tell(self._devices.record(request.device_id))
        return pb.AddDeviceResponse(token=token, replaced=replaced)

    def RemoveDevice(self, request: pb.RemoveDeviceRequest, context: grpc.ServicerContext) -> pb.RemoveDeviceResponse:
        caller().check_all_tasks("devices are")
        layout.device(request.device_id)
        with self._audit.act(context, "remove device", request.device_id):
            record = self._devices.remove(request.device_id)
        self._tell(record)
        return pb.RemoveDeviceResponse()

    def Pin(self, request: pb.PinRequest, context: grpc.ServicerContext) -> pb.PinResponse:
        caller().check_task(layout.check_task(request.task))
        check_reason(request.reason)
        version = self._versions.get(request.task, request.version)
        before = _pinned(self._devices.record(request.device_id), request.task)
        subject = f"{request.device_id} to {request.version} of {request.task}"
        pin = PinRecord(
            version=version.version, digest=version.digest, by=caller().name, reason=request.reason, at=self._now()
        )
        with self._audit.act(context, "pin", subject, before, request.reason) as act:
            record = self._devices.pin(request.device_id, request.task, pin)
            act.after = _pinned(record, request.task)
        self._tell(record)
        return pb.PinResponse(pin=to_proto(record.pin(request.task), pb.PinnedTask))

    def Unpin(self, request: pb.UnpinRequest, context: grpc.ServicerContext) -> pb.UnpinResponse:
        caller().check_task(layout.check_task(request.task))
        before = _pinned(self._devices.record(request.device_id), request.task)
        with self._audit.act(context, "unpin", f"{request.device_id} of {request.task}", before) as act:
            record = self._devices.unpin(request.device_id, request.task)
            act.after = ""
        self._tell(record)
        return pb.UnpinResponse()

    def StartRollout(self, request: pb.StartRolloutRequest, context: grpc.ServicerContext) -> pb.StartRolloutResponse:
        caller().check_task(layout.check_task(request.task))
        before = shown(self._stands(request.task, request.environment))
        subject = f"{request.environment} of {request.task} to {request.version}"
        with self._audit.act(context, "start rollout", subject, before, request.reason) as act:
            begun = self._rollouts.start(_wish(request), caller().name)
            act.after = shown(begun.pointer)
        opened = None if begun.moved_at_once else plain(begun.pointer)
        return pb.StartRolloutResponse(
            rollout=None if opened is None else to_proto(opened, pb.Rollout),
            moved_at_once=begun.moved_at_once,
            version=begun.pointer.version,
            digest=begun.pointer.digest,
            revision=begun.pointer.revision,
            gates=[to_proto(gate, pb.Gate) for gate in begun.gates],
        )

    def GetRollout(self, request: pb.GetRolloutRequest, context: grpc.ServicerContext) -> pb.GetRolloutResponse:
        caller().check_task(layout.check_task(request.task))
        return to_proto(self._rollouts.get(request.task, request.environment, request.id), pb.GetRolloutResponse)

    def ListRollouts(self, request: pb.ListRolloutsRequest, context: grpc.ServicerContext) -> pb.ListRolloutsResponse:
        if request.task:
            caller().check_task(layout.check_task(request.task))
        if request.environment:
            layout.check_environment(request.environment)
        found = self._rollouts.list(request.task, request.environment, request.only_open, caller().may_ask)
        return pb.ListRolloutsResponse(rollouts=[to_proto(rollout, pb.Rollout) for rollout in found])

    def PauseRollout(self, request: pb.PauseRolloutRequest, context: grpc.ServicerContext) -> pb.PauseRolloutResponse:
        pointer = self._changed(context, "pause rollout", request, self._rollouts.pause)
        return pb.PauseRolloutResponse(rollout=to_proto(plain(pointer), pb.Rollout))

    def ResumeRollout(
        self, request: pb.ResumeRolloutRequest, context: grpc.ServicerContext
    ) -> pb.ResumeRolloutResponse:
        resume = partial(self._rollouts.resume, advance=request.advance)
        pointer = self._changed(context, "resume rollout", request, resume)
        return pb.ResumeRolloutResponse(rollout=to_proto(plain(pointer), pb.Rollout))

    def AbortRollout(self, request: pb.AbortRolloutRequest, context: grpc.ServicerContext) -> pb.AbortRolloutResponse:
        pointer = self._changed(context, "abort rollout", request, self._rollouts.abort)
        return pb.AbortRolloutResponse(rollout=to_proto(plain(pointer), pb.Rollout))

    def _changed(
        self,
        context: grpc.ServicerContext,
        action: str,
        request: pb.PauseRolloutRequest | pb.ResumeRolloutRequest | pb.AbortRolloutRequest,
        change: Callable[[str, str, str, str], Pointer],
    ) -> Pointer:
        caller().check_task(layout.check_task(request.task))
        before = shown(self._stands(request.task, request.environment))
        subject = f"{request.environment} of {request.task}"
        with self._audit.act(context, action, subject, before, request.reason) as act:
            pointer = change(request.task, request.environment, caller().name, request.reason)
            act.after = shown(pointer)
        return pointer

    def _tell(self, record: DeviceRecord) -> None:
        self._hub.offer(device_key(record.device_id), record)


def _pinned(record: DeviceRecord, task: str) -> str:
    """In the audit log."""
    pin = record.pins.get(task)
    return pin.version if pin else ""


def _wish(request: pb.StartRolloutRequest) -> Wish:
    return Wish(
        request.task,
        request.version,
        request.environment,
        request.reason,
        request.override_gates,
        request.profile,
        tuple(request.first),
        request.when_silent,
        request.supersede,
        request.shadow,
        request.expected_revision if request.HasField("expected_revision") else None,
    )
