"""An environment: a name that points to a version of a task, with the history of all its moves.

    trail of versions, the one in force last:

        []  --promote 1-->  [1]  --promote 2-->  [1, 2]  --promote 3-->  [1, 2, 3]
                                                    ^                        |
                             [1]  <--roll back--  [1, 2]  <----roll back-----+

A rollback takes the last version off the trail, so that rolling back again goes further back and never bounces between
two versions; a promotion after it goes on from there. The history itself only grows, and the trail follows from it.

A rollout that is open stands in the same document, so that the two can't contradict each other. The version stays the
one before until the rollout succeeds, which is a promotion; one that was stopped leaves a move "stop", and the trail as
it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Literal, Self

from pipit.bundle.manifest import Digest
from pipit.errors import NotFound, RolloutOpen
from pipit.registry.types import Action, Environment, Move
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_registry.clocks import believed, dated
from model_registry.rollouts.document import OPERATOR, RolloutRecord
from model_registry.rollouts.states import Change, by_operator, changed, next_stage


class Document(BaseModel):
    """Base of what lies in the store as JSON."""

    # What a newer copy of the service added is not lost when an older one writes.
    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal[1] = 1

    def to_bytes(self) -> bytes:
        """JSON, laid out for people."""
        return self.model_dump_json(indent=1).encode()


class MoveRecord(BaseModel):
    """One move as it is stored."""

    model_config = ConfigDict(frozen=True, extra="allow")

    at: AwareDatetime
    actor: str
    action: Action
    from_version: str
    to_version: str
    to_digest: Digest
    reason: str
    gates_overridden: bool
    revision: Annotated[int, Field(ge=1)]


class Pointer(Document):
    """One environment of one task. Immutable: a move gives a new one."""

    task: str
    name: str
    version: str = ""
    digest: str = ""
    revision: int = 0
    history: tuple[MoveRecord, ...] = ()
    rollout: RolloutRecord | None = None
    """The one that is open."""
    last_rollout: RolloutRecord | None = None
    """The one that ended last; it is written to a place of its own by whoever sees it here."""

    def promoted(
        self,
        version: str,
        digest: str,
        actor: str,
        at: datetime,
        reason: str = "",
        overridden: bool = False,
        newer_than: int = 0,
    ) -> Self:
        """Points to `version`; the same pointer if it does already, by a move that is newer than `newer_than`.

        Raises RolloutOpen.
        """
        self._check_no_rollout()
        if self.digest == digest and self.version == version and self.revision > newer_than:
            return self
        return self._moved("promote", version, digest, actor, at, reason, overridden, newer_than)

    def rolled_back(self, actor: str, at: datetime, reason: str = "") -> Self:
        """Points to the version before; while a rollout is open, aborts it. Raises NotFound if there is none."""
        if self.rollout is not None:
            return self.rollout_changed(by_operator("abort", actor, reason), at)
        trail = replay(self.history)
        if len(trail) < 2:
            raise NotFound(f"{self.name} of {self.task} has no version before {self.version} to go back to")
        version, digest = trail[-2]
        return self._moved("rollback", version, digest, actor, at, reason, overridden=False)

    def rollout_started(self, rollout: RolloutRecord) -> Self:
        """With that one open. Raises RolloutOpen."""
        self._check_no_rollout()
        return self.model_copy(update={"rollout": rollout, "revision": self.revision + 1})

    def rollout_changed(self, change: Change, at: datetime) -> Self:
        """After that change of the open rollout. Raises NotFound where none is open, Conflict for what can't follow."""
        after = changed(self._open(), change, at)
        if after.is_open:
            return self.model_copy(update={"rollout": after, "revision": self.revision + 1})
        pointer = self.model_copy(update={"rollout": None, "last_rollout": after})
        if change.kind == "succeed":
            reason = after.reason or change.sentence
            target = (after.to_version, after.to_digest)
            return pointer._moved("promote", *target, change.by or after.by, at, reason, after.gates_overridden)
        actor = change.by or f"rule {change.rule}"
        return pointer._moved(
            "stop", after.from_version, after.from_digest, actor, at, change.sentence, False, 0, after.to_version
        )

    def rollout_paused(self, actor: str, at: datetime, reason: str = "") -> Self:
        """Stands still until somebody resumes it; also where a rule paused it before."""
        rollout = self._open()
        if rollout.state == "paused" and rollout.verdict is not None and not rollout.verdict.by:
            again = self.rollout_changed(by_operator("resume", actor, reason), at)
            return again.rollout_changed(by_operator("pause", actor, reason), at)
        return self.rollout_changed(by_operator("pause", actor, reason), at)

    def rollout_resumed(self, actor: str, at: datetime, reason: str = "", advance: bool = False) -> Self:
        """Goes on. advance: to the next stage now, whatever the rules wait for, also where it was not paused."""
        if not advance:
            return self.rollout_changed(by_operator("resume", actor, reason), at)
        sentence = by_operator("advance", actor, reason).sentence
        return self.rollout_changed(next_stage(self._open(), OPERATOR, sentence, actor), at)

    def rollout_aborted(self, actor: str, at: datetime, reason: str = "") -> Self:
        """Every device goes back to the version before."""
        return self.rollout_changed(by_operator("abort", actor, reason), at)

    def rollout_superseded(self, actor: str, at: datetime, reason: str = "") -> Self:
        """Ended, so that another one can start at once."""
        return self.rollout_changed(by_operator("supersede", actor, reason), at)

    def in_force(self, at: datetime) -> Move | None:
        """The move that decided what ran at that time, wrong clocks apart; None before the first one."""
        dates = believed([record.at for record in self.history])
        earlier = bisect_right(dates, at)
        return _move(self.history[earlier - 1]) if earlier else None

    def moves(self) -> tuple[Move, ...]:
        """All of them, oldest first."""
        return tuple(_move(record) for record in self.history)

    @property
    def environment(self) -> Environment:
        """The state, without the history."""
        return Environment(self.task, self.name, self.version, self.digest, self.revision)

    def _open(self) -> RolloutRecord:
        if self.rollout is None:
            raise NotFound(f"no rollout of {self.task} is open in {self.name}; `pipit rollout start` opens one")
        return self.rollout

    def _check_no_rollout(self) -> None:
        if self.rollout is not None:
            raise RolloutOpen(
                f"{self.name} of {self.task} is on its way to {self.rollout.to_version} by rollout {self.rollout.id}; "
                "wait for it, abort it, or start one that takes its place"
            )

    def _moved(
        self,
        action: Action,
        version: str,
        digest: str,
        actor: str,
        at: datetime,
        reason: str,
        overridden: bool,
        newer_than: int = 0,
        from_version: str | None = None,
    ) -> Self:
        record = MoveRecord(
            at=dated(at, self.history[-1].at if self.history else None),
            actor=actor,
            action=action,
            from_version=self.version if from_version is None else from_version,
            to_version=version,
            to_digest=digest,
            reason=reason,
            gates_overridden=overridden,
            revision=max(self.revision, newer_than) + 1,
        )
        return self.model_copy(
            update={
                "version": version,
                "digest": digest,
                "revision": record.revision,
                "history": (*self.history, record),
            }
        )


def replay(history: Iterable[MoveRecord]) -> list[tuple[str, str]]:
    """The trail of (version, digest) that a history leaves; the last one is in force."""
    trail: list[tuple[str, str]] = []
    for record in history:
        if record.action == "promote":
            trail.append((record.to_version, record.to_digest))
        elif record.action == "rollback":
            trail.pop()
    return trail


def _move(record: MoveRecord) -> Move:
    return Move(**{field.name: getattr(record, field.name) for field in fields(Move)})
