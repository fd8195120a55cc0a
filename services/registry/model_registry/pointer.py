"""An environment: a name that points to a version of a task, with the history of all its moves.

    trail of versions, the one in force last:

        []  --promote 1-->  [1]  --promote 2-->  [1, 2]  --promote 3-->  [1, 2, 3]
                                                    ^                        |
                             [1]  <--roll back--  [1, 2]  <----roll back-----+

A rollback takes the last version off the trail, so that rolling back again goes further back and never bounces between
two versions; a promotion after it goes on from there. The history itself only grows, and the trail follows from it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Literal, Self

from pipit.bundle.manifest import Digest
from pipit.errors import NotFound
from pipit.registry.types import Action, Environment, Move
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_registry.clocks import believed, dated


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
        """Points to `version`; the same pointer if it does already, by a move that is newer than `newer_than`."""
        if self.digest == digest and self.version == version and self.revision > newer_than:
            return self
        return self._moved("promote", version, digest, actor, at, reason, overridden, newer_than)

    def rolled_back(self, actor: str, at: datetime, reason: str = "") -> Self:
        """Points to the version before. Raises NotFound if there is none."""
        trail = replay(self.history)
        if len(trail) < 2:
            raise NotFound(f"{self.name} of {self.task} has no version before {self.version} to go back to")
        version, digest = trail[-2]
        return self._moved("rollback", version, digest, actor, at, reason, overridden=False)

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
    ) -> Self:
        record = MoveRecord(
            at=dated(at, self.history[-1].at if self.history else None),
            actor=actor,
            action=action,
            from_version=self.version,
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
        else:
            trail.pop()
    return trail


def _move(record: MoveRecord) -> Move:
    return Move(**{field.name: getattr(record, field.name) for field in fields(Move)})
