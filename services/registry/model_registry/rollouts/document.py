"""A rollout in the store: inside its environment's document while it is open, and by itself once it has ended."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self

from pipit.bundle.manifest import Digest
from pipit.errors import InvalidInput
from pipit.fleet.types import Evidence, Rollout, RolloutState, Stage, Verdict
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Phase = Literal["prefetching", "running"]
Open = Literal["prefetching", "running", "paused"]
Ended = Literal["succeeded", "aborted", "superseded"]
WhenSilent = Literal["advance", "pause", "abort"]
Profile = Literal["fast", "careful", "ab"]
OPERATOR = "operator"
"""In place of a rule: a person decided."""
INCONCLUSIVE = "inconclusive"
"""In place of a rule: what would have to be known is missing."""


class Record(BaseModel):
    """Base of a rollout's parts. What a newer copy of the service added is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class StageRecord(Record):
    """One step: so many devices, or that share of those in the order."""

    devices: Annotated[int, Field(ge=0)] = 0
    share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    bake_seconds: Annotated[float, Field(ge=0.0)] = 0.0
    """How long it is watched for at least."""
    holds: bool = False
    """It goes on only when somebody says so."""

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if bool(self.devices) == bool(self.share):
            raise ValueError("a stage has either a number of devices or a share of them")
        return self

    @property
    def plain(self) -> Stage:
        """As plain data."""
        return Stage(self.devices, self.share, self.bake_seconds, self.holds)


class EvidenceRecord(Record):
    """What one rule saw; see `pipit.fleet.Evidence`."""

    rule: str
    value: float
    limit: float
    fires: bool
    then: str
    sentence: str
    devices: tuple[str, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """From plain data."""
        return cls(**asdict(evidence))

    @property
    def plain(self) -> Evidence:
        """As plain data."""
        return Evidence(self.rule, self.value, self.limit, self.fires, self.then, self.sentence, self.devices)


class VerdictRecord(Record):
    """Why a rollout stands still or has ended; see `pipit.fleet.Verdict`."""

    kind: Literal["succeeded", "aborted", "paused", "superseded"]
    rule: str
    """The one that decided, or `OPERATOR`, or `INCONCLUSIVE`."""
    sentence: str
    at: AwareDatetime
    by: str = ""
    """Who, where a person decided."""
    evidence: tuple[EvidenceRecord, ...] = ()

    @property
    def plain(self) -> Verdict:
        """As plain data."""
        return Verdict(self.kind, self.rule, self.sentence, self.at, tuple(one.plain for one in self.evidence))


class RolloutRecord(Record):
    """One rollout. Immutable: `rollouts.states` gives the one that follows."""

    id: Annotated[str, Field(pattern=r"^r-[0-9a-f]{8,60}$")]
    from_version: str
    from_digest: Digest
    to_version: str
    to_digest: Digest
    state: Open | Ended
    stage: Annotated[int, Field(ge=0)] = 0
    stages: Annotated[tuple[StageRecord, ...], Field(min_length=1)]
    started_at: AwareDatetime
    stage_since: AwareDatetime
    """When this stage, or the prefetching, began."""
    waits_since: AwareDatetime
    """When it last began to wait for data: with the stage, or when it went on after a pause."""
    left: Phase | None = None
    """What it was at when it was paused, or when it ended."""
    waived: tuple[str, ...] = ()
    """Rules that paused it, and that somebody has looked at: they pause it no more."""
    ended_at: AwareDatetime | None = None
    by: str
    reason: str = ""
    gates_overridden: bool = False
    profile: str = "fast"
    rules: str
    """Name of the rules that it is watched by, as "default/1"."""
    when_silent: WhenSilent = "pause"
    shadow: bool = False
    salt: str
    order: tuple[str, ...]
    """Devices as it reaches them, frozen at the start."""
    verdict: VerdictRecord | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still go on."""
        return self.ended_at is None

    @property
    def phase(self) -> Phase:
        """What it is at, or will be once the pause is over; of one that has ended, what it was at."""
        if self.state == "running":
            return "running"
        return self.left or "prefetching"

    @property
    def current(self) -> StageRecord:
        """The stage that runs, or will run first."""
        return self.stages[min(self.stage, len(self.stages) - 1)]

    @property
    def is_last_stage(self) -> bool:
        """Whether it succeeds when this stage is over."""
        return self.stage >= len(self.stages) - 1

    def plain(self, task: str, environment: str, revision: int, canaries: tuple[str, ...]) -> Rollout:
        """As plain data; revision: of the environment."""
        return Rollout(
            id=self.id,
            task=task,
            environment=environment,
            from_version=self.from_version,
            to_version=self.to_version,
            state=RolloutState(self.state),
            stage=self.stage,
            stages=tuple(stage.plain for stage in self.stages),
            started_at=self.started_at,
            stage_since=self.stage_since,
            by=self.by,
            reason=self.reason,
            profile=self.profile,
            rules=self.rules,
            when_silent=self.when_silent,
            shadow=self.shadow,
            order=self.order,
            canaries=canaries,
            verdict=self.verdict.plain if self.verdict else None,
            ended_at=self.ended_at,
            revision=revision,
        )

    def to_bytes(self) -> bytes:
        """JSON, laid out for people."""
        return self.model_dump_json(indent=1).encode()


def new_id(at: datetime) -> str:
    """An id for a rollout that begins at that time; ids sort as their times do."""
    return f"r-{max(0, int(at.timestamp() * 1000)):012x}{secrets.token_hex(4)}"


_PROFILES: dict[Profile, tuple[StageRecord, ...]] = {
    "fast": (
        StageRecord(devices=1, bake_seconds=15),
        StageRecord(share=0.25, bake_seconds=10),
        StageRecord(share=1.0),
    ),
    "careful": (
        StageRecord(devices=1, bake_seconds=600),
        StageRecord(share=0.25, bake_seconds=3600),
        StageRecord(share=1.0),
    ),
    "ab": (StageRecord(share=0.5, bake_seconds=60, holds=True),),
}


def stages_of(profile: str) -> tuple[StageRecord, ...]:
    """Raises InvalidInput."""
    for name, stages in _PROFILES.items():
        if name == profile:
            return stages
    raise InvalidInput(f"{profile[:100]!r} is no profile of a rollout; take one of {', '.join(_PROFILES)}, now")
