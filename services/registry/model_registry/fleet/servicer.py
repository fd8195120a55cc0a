"""`pipit.fleet.v1.FleetService`: from the wire to the parts that know, and back."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

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
from model_registry.versions import Versions

SERVICE = pb.DESCRIPTOR.services_by_name["FleetService"].full_name
_LONGEST_REASON = 1000
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
        audit: AuditLog,
        report_seconds: Callable[[str], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """report_seconds: by environment, how often its devices are to report. now: an aware time."""
        self._devices = devices
        self._versions = versions
        self._hub = hub
        self._audit = audit
        self._report_seconds = report_seconds
        self._now = now

    def Report(self, request: pb.ReportRequest, context: grpc.ServicerContext) -> pb.ReportResponse:
        check_report(request)
        self._devices.report(from_proto(request, DeviceReport))
        return pb.ReportResponse(next_seconds=self._report_seconds(request.environment))

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
        _check_reason(request.reason)
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

    def _tell(self, record: DeviceRecord) -> None:
        self._hub.offer(device_key(record.device_id), record)


def _check_reason(reason: str) -> None:
    if len(reason) > _LONGEST_REASON:
        raise InvalidInput(f"the reason has {len(reason)} characters; at most {_LONGEST_REASON} are kept")


def _pinned(record: DeviceRecord, task: str) -> str:
    """In the audit log."""
    pin = record.pins.get(task)
    return pin.version if pin else ""
