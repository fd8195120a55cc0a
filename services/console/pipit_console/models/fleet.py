"""Devices, rollouts, consents, and what is tried. Devices and rollouts themselves are those of `pipit.fleet.types`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pipit.examples import Consent, Departure
from pipit.fleet.types import Device, Rollout
from pipit.registry.types import GateResult
from pydantic import Field

from pipit_console.models.base import Answer, Asked

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Move(Answer):
    """A change of an environment."""

    at: datetime
    by: str
    task: str
    environment: str
    from_version: str
    to_version: str
    action: str
    reason: str


class InStep(Answer):
    """Devices of the environment that have the task. in_step: those that run the version the registry wants there."""

    in_step: int
    total: int
    online: int


class Tile(Answer):
    """A task at a glance.

    state: serving (each online device is in step), moving (a rollout is open), behind, refused (a device refused the
    version), idle (no device has the task), empty (nothing was promoted). Numbers are of Prometheus, null without it.
    history: of the last hour, each [seconds since 1970, requests a second, share of unknown, p95 in ms].
    """

    task: str
    input_kind: str
    version: str
    state: Literal["serving", "moving", "behind", "refused", "idle", "empty"]
    devices: InStep
    unknown_rate: float | None
    p95_ms: float | None
    budget_ms: float | None
    false_alarms_per_hour: float | None
    requests_per_second: float | None
    history: list[tuple[float, float | None, float | None, float | None]] | None


class Attention(Answer):
    """Something to look at. task, device: empty if it is about none. link: a path of the page."""

    level: Literal["error", "warning", "info"]
    text: str
    task: str
    device: str
    link: str


class WaitingQueue(Answer):
    """Examples that nobody has labelled yet, and those about which people differ."""

    task: str
    waiting: int
    disagreements: int


class Overview(Answer):
    """prometheus: "ok", "none", or "away: " and why."""

    at: datetime
    environment: str
    environments: list[str]
    tasks: list[Tile]
    attention: list[Attention]
    rollouts: list[Rollout]
    moves: list[Move]
    label_queues: list[WaitingQueue]
    prometheus: str


class Promote(Asked):
    """A version for an environment. profile: empty for the registry's own choice. first: devices to begin with."""

    version: str
    environment: str = "production"
    profile: Literal["", "fast", "careful", "ab", "now"] = ""
    reason: str = ""
    override_gates: bool = False
    when_silent: Literal["", "advance", "pause", "abort"] = ""
    supersede: bool = False
    first: tuple[str, ...] = ()


class Promoted(Answer):
    """rollout: null: the environment was moved at once, and moved_at_once says why."""

    rollout: Rollout | None
    moved_at_once: str
    gates: list[GateResult]


class RollBack(Asked):
    """To the version before."""

    environment: str = "production"
    reason: str = ""


class RolledBack(Answer):
    """Where the environment points now."""

    task: str
    environment: str
    version: str


class Steer(Asked):
    """advance: of resume alone: on to the next stage, whatever the rules wait for."""

    reason: str = ""
    advance: bool = False


class Happened(Answer):
    """Something of a device's past."""

    at: datetime
    kind: Literal["swap", "refused", "restart", "move"]
    task: str
    text: str


class DeviceAnswer(Answer):
    """A device, what it may keep, what has left it, and its past, newest first."""

    device: Device
    consents: list[Consent]
    departures: list[Departure]
    timeline: list[Happened]


class PinAsked(Asked):
    """The version that the device is to keep."""

    version: str
    reason: str = ""


class ConsentAsked(Asked):
    """What a device may keep of a task; see `pipit.examples.Consent`. text: what the people concerned agreed to."""

    text: Annotated[str, Field(min_length=1, max_length=4000)]
    low: Share = 0.4
    high: Share = 0.6
    rate: Share = 0.1
    random_rate: Share = 0.01
    quota_bytes: Annotated[int, Field(ge=0)] = 100_000_000
    keep_days: Annotated[int, Field(ge=0)] = 90


class TriedScore(Answer):
    """score: 0..1."""

    label: str
    score: float
    detected: bool


class Tried(Answer):
    """box: left, top, width, height in pixels. span: start and end in seconds. scores: best first."""

    box: list[float]
    span: list[float]
    label: str
    unknown: bool
    uncertain: bool
    scores: list[TriedScore]


class TriedModel(Answer):
    """What answered."""

    task: str
    version: str
    digest: str
    variant: str


class TriedTimes(Answer):
    """Milliseconds on the server."""

    decode_ms: float
    queue_ms: float
    run_ms: float
    interpret_ms: float


class TryAnswer(Answer):
    """level_db: of a sound's loudest tenth of a second, relative to full scale. width, height: of a picture."""

    predictions: list[Tried]
    model: TriedModel
    times: TriedTimes
    level_db: float | None
    width: int | None
    height: int | None
