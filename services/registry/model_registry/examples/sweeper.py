"""The thread that deletes what is older than the consents allow, ends what was broken off, and packs logs."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from pipit.errors import PipitError
from pipit.logging import get_logger
from pipit.metrics import Metrics

from model_registry.audit_log import AuditLog
from model_registry.examples.consents import Consents
from model_registry.examples.pool import RETENTION, Pool

_FIRST_SECONDS = 60.0
"""A sweep soon after the start ends what the end of the last process broke off."""
_LAST_SECONDS = 1.0
_JITTER = 0.2
_log = get_logger("model_registry.examples.sweeper")


class Sweeper:
    """See the module. Of several copies each one sweeps: to delete twice does no harm."""

    def __init__(
        self,
        pool: Pool,
        consents: Consents,
        pack: Callable[[], None],
        audit: AuditLog,
        metrics: Metrics,
        seconds: float,
    ) -> None:
        """pack: packs the logs. seconds: between two sweeps, give or take a fifth."""
        self._pool = pool
        self._consents = consents
        self._pack = pack
        self._audit = audit
        self._deleted = metrics.counter("pipit_examples_deleted_total")
        self._seconds = seconds
        # Its own: other threads, and tests, may rely on the sequence of the module's one.
        self._dice = random.Random()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="examples", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; a store that hangs can't keep the server from ending."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST_SECONDS)

    def sweep(self) -> None:
        """Once. Raises what the store does."""
        keep: dict[str, dict[str, int]] = {}
        # A consent that was withdrawn says still how long what came before may be kept.
        for record in self._consents.records():
            last = record.given[-1]
            keep.setdefault(last.task, {})[last.device_id] = last.keep_days
        failure: Exception | None = None
        for task, days in keep.items():
            try:
                self._sweep(task, days)
            except Exception as error:
                # What is broken in one task keeps nothing of the others for longer than it may be kept.
                failure = error
        self._pack()
        if failure is not None:
            raise failure

    def _sweep(self, task: str, days: dict[str, int]) -> None:
        old = self._pool.too_old(task, days)
        if old:
            self._pool.delete(task, old, RETENTION)
            self._deleted.labels(task, RETENTION).inc(len(old))
            self._audit.note("delete examples", task, "", f"{len(old)} deleted", "older than their consents allow")
        self._pool.finish(task)

    def _run(self) -> None:
        pause = min(_FIRST_SECONDS, self._seconds)
        while not self._stopped.wait(pause * self._dice.uniform(1 - _JITTER, 1 + _JITTER)):
            pause = self._seconds
            try:
                self.sweep()
            except PipitError as error:
                _log.warning("sweep_failed", reason=str(error))
            except Exception:
                # Without this thread nothing would ever be deleted for its age again.
                _log.exception("sweep_failed")
