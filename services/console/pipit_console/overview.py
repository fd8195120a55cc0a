"""The first screen: a tile a task, and what needs somebody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from pipit.fleet.types import Device, Rollout, RolloutState, State, TaskReport
from pipit.printable import counted
from pipit.registry.types import Environment, Listing

from pipit_console.measures import Measures
from pipit_console.models.fleet import Attention, InStep, Tile, WaitingQueue

_HOT = 80.0
"""Degrees Celsius from which a Pi slows itself down."""
_MANY_WAITING = 50
_STATES = Literal["serving", "moving", "behind", "refused", "idle", "empty"]


def tile(
    task: str,
    input_kind: str,
    budget_ms: float | None,
    pointer: Environment | None,
    devices: list[tuple[Device, TaskReport]],
    rollouts: Iterable[Rollout],
    measures: Measures,
) -> Tile:
    """pointer: of the environment that is looked at. devices, rollouts: of the task there."""
    version = pointer.version if pointer is not None else ""
    key = task, version
    p95 = measures.p95.get(key)
    online = [(device, report) for device, report in devices if device.online]
    return Tile(
        task=task,
        input_kind=input_kind,
        version=version,
        state=_state(version, online, any(each.is_open for each in rollouts)),
        devices=InStep(in_step=sum(_in_step(report) for _, report in devices), total=len(devices), online=len(online)),
        unknown_rate=measures.unknown.get(key),
        p95_ms=None if p95 is None else 1000.0 * p95,
        budget_ms=budget_ms,
        false_alarms_per_hour=measures.false_alarms.get(key),
        requests_per_second=measures.rate.get(key),
        history=measures.history(task, version),
    )


def attention(
    tiles: Iterable[Tile],
    devices: Iterable[Device],
    rollouts: Iterable[Rollout],
    queues: Iterable[WaitingQueue],
    prometheus: str,
) -> list[Attention]:
    """The worst first. devices: of the environment. rollouts: open ones, and the last of each task."""
    found: list[Attention] = []
    for rollout in rollouts:
        if rollout.state in (RolloutState.PAUSED, RolloutState.ABORTED) and rollout.verdict is not None:
            level: Literal["error", "warning"] = "error" if rollout.state is RolloutState.ABORTED else "warning"
            text = f"{rollout.to_version} of {rollout.task} is {rollout.state}: {rollout.verdict.sentence}"
            found.append(_attention(level, text, rollout.task, "", f"/rollouts/{rollout.task}/{rollout.environment}"))
    for device in devices:
        found += _of_device(device)
    for each in tiles:
        if each.p95_ms is not None and each.budget_ms is not None and each.p95_ms > each.budget_ms:
            text = f"95 of 100 answers of {each.task} take {each.p95_ms:.0f} ms, and may take {each.budget_ms:.0f} ms."
            found.append(_attention("warning", text, each.task, "", f"/tasks/{each.task}"))
    for queue in queues:
        if queue.disagreements:
            text = f"People disagree about {counted(queue.disagreements, 'example')} of {queue.task}."
            found.append(_attention("info", text, queue.task, "", f"/label/{queue.task}?mode=disagreements"))
        if queue.waiting >= _MANY_WAITING:
            text = f"{counted(queue.waiting, 'example')} of {queue.task} wait for a label."
            found.append(_attention("info", text, queue.task, "", f"/label/{queue.task}"))
    if prometheus.startswith("away"):
        found.append(_attention("warning", f"{prometheus.removeprefix('away: ').removesuffix('.')}.", "", "", ""))
    order = ("error", "warning", "info")
    return sorted(found, key=lambda each: order.index(each.level))


def _of_device(device: Device) -> list[Attention]:
    found, link = [], f"/devices/{device.device_id}"
    if not device.online:
        since = "has never reported" if device.last_seen is None else f"was last seen {_ago(device.last_seen)} ago"
        found.append(_attention("warning", f"{device.device_id} is offline: it {since}.", "", device.device_id, link))
    if device.cpu_temperature is not None and device.cpu_temperature >= _HOT:
        text = f"{device.device_id} is {device.cpu_temperature:.0f} °C hot and slows itself down; cool it."
        found.append(_attention("warning", text, "", device.device_id, link))
    elif device.throttled:
        text = f"{device.device_id} slows itself down; look at its power supply and its cooling."
        found.append(_attention("warning", text, "", device.device_id, link))
    for report in device.tasks:
        if report.state is State.REFUSED:
            reason = report.reason.removesuffix(".")
            text = f"{device.device_id} refused {report.desired_version} of {report.task}: {reason}."
            found.append(_attention("error", text, report.task, device.device_id, link))
    return found


def environments_of(listing: Listing, wanted: str) -> list[str]:
    """All that any task has, and the one that is looked at."""
    return sorted({*(each.name for each in listing.environments), wanted})


def _state(version: str, online: list[tuple[Device, TaskReport]], moving: bool) -> _STATES:
    if not version:
        return "empty"
    if any(report.state is State.REFUSED for _, report in online):
        return "refused"
    if moving:
        return "moving"
    if not online:
        return "idle"
    return "serving" if all(_in_step(report) for _, report in online) else "behind"


def _in_step(report: TaskReport) -> bool:
    return bool(report.active_version) and report.active_version == report.desired_version


def _attention(level: Literal["error", "warning", "info"], text: str, task: str, device: str, link: str) -> Attention:
    return Attention(level=level, text=text, task=task, device=device, link=link)


def _ago(moment: datetime) -> str:
    minutes = (datetime.now(UTC) - moment).total_seconds() / 60.0
    if minutes < 120.0:
        return f"{max(0.0, minutes):.0f} min"
    return f"{minutes / 60.0:.0f} h" if minutes < 2880.0 else f"{minutes / 1440.0:.0f} days"
