"""Devices and rollouts as plain data; their fields are those of `pipit.fleet.v1`, which describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SCORE_BINS = 10
"""Of `Window.score_counts`: of the same width, from 0 to 1."""


class State(StrEnum):
    """What a version of a task is at, on one device."""

    UNSPECIFIED = "unspecified"
    LOADING = "loading"
    SERVING = "serving"
    REFUSED = "refused"
    PREFETCHING = "prefetching"
    PREFETCHED = "prefetched"
    ROLLING_BACK = "rolling_back"


class WindowKind(StrEnum):
    """Which answers a window counts."""

    UNSPECIFIED = "unspecified"
    LIVE = "live"
    BEFORE = "before"
    REPLAY = "replay"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class TaskReport:
    """One task on one device. state: loading, serving, refused or rolling_back.

    active_seconds: since the version that answers took its place.
    candidate_version: what a rollout wants to have ready; empty: nothing. candidate_state: prefetching, prefetched or
    refused. standby: the version before is loaded still.
    """

    task: str
    desired_version: str = ""
    revision: int = 0
    active_version: str = ""
    active_digest: str = ""
    state: State = State.LOADING
    failed_step: str = ""
    reason: str = ""
    golden_deviation: float | None = None
    active_seconds: float = 0.0
    candidate_version: str = ""
    candidate_state: State = State.UNSPECIFIED
    candidate_failed_step: str = ""
    candidate_reason: str = ""
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """How one version of a task answered on one device. All counts only grow, within one boot and one stage.

    errors: inputs that were not answered, by gRPC status. over_budget: answers that took longer than the bundle allows.
    score_counts: predictions by their best score, SCORE_BINS of them. disagreed: of replay and shadow, answers whose
    best label is another than the serving version's. latency_sum, latency_squares: of the answers' seconds.
    """

    kind: WindowKind
    task: str
    version: str
    rollout: str = ""
    stage: int = 0
    seconds: float = 0.0
    answered: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    over_budget: int = 0
    predictions: int = 0
    unknown: int = 0
    score_counts: tuple[int, ...] = ()
    label_counts: Mapping[str, int] = field(default_factory=dict)
    feedback_right: int = 0
    feedback_wrong: int = 0
    disagreed: int = 0
    latency_sum: float = 0.0
    latency_squares: float = 0.0


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """What a device does and how its versions answer.

    boot_id: new at each start of the process. sequence: counts the reports of a boot. cpu_temperature: degrees Celsius.
    memory_available: bytes. None: not known there.
    """

    device_id: str
    boot_id: str
    sequence: int
    environment: str
    process: int = 0
    board: str = ""
    software: str = ""
    tasks: tuple[TaskReport, ...] = ()
    windows: tuple[Window, ...] = ()
    cpu_temperature: float | None = None
    throttled: bool | None = None
    memory_available: int | None = None
    up_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PinnedTask:
    """A device serves this version of the task, wherever its environment points."""

    task: str
    version: str
    digest: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the registry knows it. last_seen: None: it was added, and never came."""

    device_id: str
    environment: str = ""
    board: str = ""
    software: str = ""
    last_seen: datetime | None = None
    online: bool = False
    tasks: tuple[TaskReport, ...] = ()
    pins: tuple[PinnedTask, ...] = ()
    has_token: bool = False
    cpu_temperature: float | None = None
    throttled: bool | None = None
    memory_available: int | None = None
    up_seconds: float = 0.0


class RolloutState(StrEnum):
    """See `model_registry.rollouts` for the ways between them."""

    UNSPECIFIED = "unspecified"
    PREFETCHING = "prefetching"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Stage:
    """So many devices, or that share of all; watched for `bake_seconds` at least. holds: goes on only when told to."""

    devices: int = 0
    share: float = 0.0
    bake_seconds: float = 0.0
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one rule sees. value, limit: in its own measure. then: pause or abort, once it `fires`."""

    rule: str
    value: float
    limit: float
    fires: bool
    then: str
    sentence: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a rollout stands still or has ended. kind: succeeded, aborted, paused, superseded.

    rule: the one that decided, or "operator".
    """

    kind: str
    rule: str
    sentence: str
    at: datetime
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Rollout:
    """An environment on its way from one version to the next.

    order: devices as it reaches them. canaries: those that may serve the new version at this stage.
    """

    id: str
    task: str
    environment: str
    from_version: str
    to_version: str
    state: RolloutState
    stage: int
    stages: tuple[Stage, ...]
    started_at: datetime
    stage_since: datetime
    by: str
    reason: str
    profile: str
    rules: str
    when_silent: str
    shadow: bool
    order: tuple[str, ...]
    canaries: tuple[str, ...]
    verdict: Verdict | None
    ended_at: datetime | None
    revision: int

    @property
    def is_open(self) -> bool:
        """Whether it can still go on."""
        return self.state in {RolloutState.PREFETCHING, RolloutState.RUNNING, RolloutState.PAUSED}


@dataclass(frozen=True, slots=True)
class Lane:
    """A device in a rollout.

    lane: waiting, prefetching, prefetched, swapping, serving, refused, returned, offline or pinned. answered, failed:
    inputs with the new version at this stage, live and replayed.
    """

    device_id: str
    lane: str
    version: str
    reason: str = ""
    answered: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """One measure of both arms of an A/B, with the difference's interval of 95 %.

    measure: errors, unknown, feedback (wrong), latency. better: "from", "to", or "": nobody can tell yet.
    more_seconds: how much longer it takes to tell at this rate of requests; 0: unknown.
    """

    measure: str
    from_value: float
    to_value: float
    difference: float
    low: float
    high: float
    from_samples: int
    to_samples: int
    better: str
    more_seconds: float


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout with what can be seen of it now. explanation: sentences for people."""

    rollout: Rollout
    evidence: tuple[Evidence, ...]
    lanes: tuple[Lane, ...]
    explanation: str
    comparisons: tuple[ArmComparison, ...] = ()
