"""Devices, their pins and their past."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, datetime

from fastapi import APIRouter, Response
from pipit.audit.record import Outcome, read_record
from pipit.errors import NotFound, PermissionDenied, PipitError
from pipit.fleet.types import Device, PinnedTask, RolloutView
from pipit.rpc.client import is_unknown_call
from pydantic import TypeAdapter

from pipit_console.access import Asking, TaskPath
from pipit_console.models.base import Done
from pipit_console.models.fleet import DeviceAnswer, PinAsked
from pipit_console.past import past_of
from pipit_console.sessions import Session

router = APIRouter(tags=["devices"])
_VIEWS = TypeAdapter(list[RolloutView])
_DEVICE = TypeAdapter(Device)
_ROLLOUTS = 20


@router.get("/devices")
def list_devices(session: Asking, environment: str = "", task: str = "") -> list[Device]:
    """By id."""
    return list(session.clients.fleet.list_devices(environment, task))


@router.get("/devices/{device_id}")
def get_device(device_id: str, session: Asking) -> DeviceAnswer:
    """One device, with what it may keep and what happened to it."""
    device = _device(session, device_id)
    consents, departures = _kept(session, device_id)
    return DeviceAnswer(
        device=device,
        consents=[consent for consent in consents if session.may_ask(consent.task)],
        departures=[departure for departure in departures if session.may_ask(departure.task)],
        timeline=past_of(device, session, datetime.now(UTC)),
    )


@router.put("/devices/{device_id}/pins/{task}")
def pin(device_id: str, task: TaskPath, asked: PinAsked, session: Asking) -> PinnedTask:
    """The device keeps this version, wherever its environment points."""
    return session.clients.fleet.pin(device_id, task, asked.version, asked.reason)


@router.delete("/devices/{device_id}/pins/{task}")
def unpin(device_id: str, task: TaskPath, session: Asking) -> Done:
    """It follows its environment again."""
    session.clients.fleet.unpin(device_id, task)
    return Done()


@router.get("/devices/{device_id}/archive", response_class=Response)
def archive(device_id: str, session: Asking) -> Response:
    """A ZIP file for whoever helps: the device, its rollouts, its lines of the audit log. No tokens, no pictures."""
    device = _device(session, device_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("device.json", _DEVICE.dump_json(device, indent=1))
        file.writestr("rollouts.json", _VIEWS.dump_json(_rollouts_of(session, device), indent=1))
        file.writestr("audit.jsonl", _audit_of(session, device_id))
        file.writestr("README.txt", _README.format(device=device_id, at=datetime.now(UTC).isoformat()))
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(device_id)}.zip"'}
    return Response(buffer.getvalue(), media_type="application/zip", headers=headers)


_README = """Pipit's support archive of {device}, made at {at}.
device.json     what the registry knows of the device, as it reported last
rollouts.json   rollouts that it was part of, with what each rule saw
audit.jsonl     what was asked of the registry about it, one record a line
"""


def _file_name(device_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", device_id)


def _device(session: Session, device_id: str) -> Device:
    for device in session.clients.fleet.list_devices():
        if device.device_id == device_id:
            return device
    raise NotFound(f"there is no device {device_id[:100]!r}; GET /api/v1/devices lists them")


def _kept(session: Session, device_id: str) -> tuple[tuple, tuple]:  # type: ignore[type-arg]
    try:
        return session.clients.examples.list_consents(device_id), session.clients.examples.departures(device_id)
    except PermissionDenied:
        return (), ()
    except PipitError as error:
        if is_unknown_call(error):
            # An older registry keeps no examples.
            return (), ()
        raise


def _rollouts_of(session: Session, device: Device) -> list[RolloutView]:
    fleet = session.clients.fleet
    found = [
        rollout
        for rollout in fleet.list_rollouts(environment=device.environment)
        if device.device_id in rollout.order and session.may_ask(rollout.task)
    ]
    return [fleet.get_rollout(one.task, one.environment, one.id) for one in found[:_ROLLOUTS]]


def _audit_of(session: Session, device_id: str) -> str:
    try:
        records = [read_record(data) for data in session.clients.audit.read()]
    except PermissionDenied as error:
        return json.dumps({"left_out": str(error)}) + "\n"
    about = {record.sequence for record in records if device_id in record.subject.split()}
    return "".join(
        record.model_dump_json(exclude={"address"}) + "\n"
        for record in records
        if record.sequence in about or (record.outcome is not Outcome.ASKED and record.of in about)
    )
