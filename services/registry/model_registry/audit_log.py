"""The audit log in the store: written before an action begins and after it has ended, each record after the last one.

    ask ──record: asked──> the action ──> record: done, or failed with the reason
     └── the log can't be written ──> the call fails, and nothing was done

A record is an object of its own, `audit/<number>.json`, which is created and never changed. Of several copies of the
registry that write at once one gets a number; the others take the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
from pipit.audit import FIRST, Outcome, Record, digest_of
from pipit.errors import AlreadyExists, Conflict, NotFound, PipitError
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.rpc.callers import caller
from pipit.storage import ObjectStore

from model_registry import layout

_ATTEMPTS = 1000
"""Records that others may write while one is written."""
_LONGEST_REASON = 1000
REGISTRY = "registry"
"""Who decides where nobody asked: a rule of a rollout."""
_log = get_logger("model_registry.audit_log")


@dataclass(slots=True)
class Act:
    """An action under way. Say what stands there once it is done."""

    before: str = ""
    after: str = ""


class AuditLog:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(
        self, store: ObjectStore, metrics: Metrics, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._now = now
        self._lost = metrics.counter("pipit_registry_audit_lost_total")
        self._lock = threading.Lock()
        self._sequence = 0
        self._digest: str | None = None
        """Of the last record that is known; None: none was looked for yet."""

    @contextmanager
    def act(
        self, context: grpc.ServicerContext, action: str, subject: str, before: str = "", reason: str = ""
    ) -> Iterator[Act]:
        """Around an action of whoever calls. Raises what the log's store does before anything was done."""
        who = {"caller": caller().name, "address": context.peer(), "action": action, "subject": subject}
        asked = self.append({**who, "outcome": Outcome.ASKED, "before": before, "reason": reason[:_LONGEST_REASON]})
        act = Act(before)
        try:
            yield act
        except Exception as error:
            reason = str(error) if isinstance(error, PipitError) else type(error).__name__
            self._end(who, asked, act, Outcome.FAILED, reason[:_LONGEST_REASON])
            raise
        self._end(who, asked, act, Outcome.DONE)

    def _end(self, who: dict[str, str], asked: Record, act: Act, outcome: Outcome, reason: str = "") -> None:
        """The action has ended already, whatever becomes of this record: that it was asked is on record."""
        try:
            facts = {"outcome": outcome, "of": asked.sequence, "before": act.before, "after": act.after}
            self.append({**who, **facts, "reason": reason})
        except PipitError as error:
            self._lost.inc()
            _log.error("audit_record_lost", of=asked.sequence, outcome=outcome, error=str(error), **who)

    def note(self, action: str, subject: str, before: str, after: str, reason: str) -> None:
        """What the registry did by itself, once it is done. The decision stands in what it changed, too."""
        who = {"caller": REGISTRY, "address": "", "action": action, "subject": subject}
        try:
            facts = {"outcome": Outcome.DONE, "before": before, "after": after, "reason": reason[:_LONGEST_REASON]}
            self.append({**who, **facts})
        except PipitError as error:
            self._lost.inc()
            _log.error("audit_record_lost", of=0, outcome=Outcome.DONE, error=str(error), **who)

    def append(self, facts: Mapping[str, object]) -> Record:
        """Writes a record with these facts. Raises Unavailable, Conflict where others are always quicker."""
        with self._lock:
            if self._digest is None:
                self._find_end()
            for _ in range(_ATTEMPTS):
                number = self._sequence + 1
                record = Record.model_validate(
                    {**facts, "sequence": number, "previous": self._digest, "at": self._now()}
                )
                data = record.to_bytes()
                try:
                    self._store.create(layout.audit_record(number), data)
                except AlreadyExists:
                    # Another copy's, or our own whose answer got lost.
                    data = self._store.read(layout.audit_record(number)).data
                    self._sequence, self._digest = number, digest_of(data)
                    continue
                self._sequence, self._digest = number, digest_of(data)
                return record
        raise Conflict("the audit log is being written by many at once; try again")

    def _find_end(self) -> None:
        last = 0
        for key in self._store.list(layout.AUDIT):
            last = max(last, layout.audit_sequence(key))
        self._digest = digest_of(self._store.read(layout.audit_record(last)).data) if last else FIRST
        self._sequence = last

    def read(self, since: int) -> Iterator[bytes]:
        """Records as they are stored, from number `since` on, the oldest first."""
        number = max(1, since)
        while True:
            try:
                yield self._store.read(layout.audit_record(number)).data
            except NotFound:
                # A gap would hide what comes after it.
                behind = [each for each in map(layout.audit_sequence, self._store.list(layout.AUDIT)) if each > number]
                if not behind:
                    return
                number = min(behind)
                continue
            number += 1
