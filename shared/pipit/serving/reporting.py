"""Tells the registry what this device does and how its versions answer: `pipit.fleet.v1.Report`.

    waiting ──due, or something changed──> sending ──answered: next in so many seconds──> waiting
       ^                                      └──away, refused, too old for the call──> after a pause, ever longer
       └────────────────────────────────────────────────────────────────────────────────────┘

It has a thread of its own: whatever becomes of the registry, no answer waits for it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from random import Random
from time import monotonic
from typing import Protocol

from pipit.errors import DeadlineExceeded, PermissionDenied, PipitError, Unauthenticated, Unavailable
from pipit.fleet import DeviceReport, FleetClient, TaskReport
from pipit.logging import get_logger
from pipit.machine import board, cpu_temperature, throttled
from pipit.metrics import Metrics
from pipit.proving.limits import memory_there_is
from pipit.rpc.client import is_unknown_call
from pipit.serving.tally import TaskTally

TOGETHER = 0.1
"""Seconds that changes wait for others, which then go in one report."""
SHORTEST_PAUSE = 0.2
"""Seconds between two reports, whatever a registry asks for."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
REFUSED_PAUSE = 60.0
UNKNOWN_PAUSE = 600.0
"""Seconds after a report that failed: at first, at most, one that was refused, and to a registry without this call."""
_TIMEOUT = 10.0
"""Seconds for a call. An answer that comes later is of no use: the next report says more."""
_RESULTS = ("taken", "refused", "away", "unknown", "failed")

_log = get_logger(__name__)
_random = Random()
"""Its own: whoever seeds the module's, such as a test, then gets the same numbers again."""


class Reports(Protocol):
    """A host, as far as it's asked here."""

    def report(self) -> TaskReport:
        """What its task does."""
        ...


class Reporter:
    """A thread that reports. It stays until `stop`."""

    def __init__(
        self,
        client: FleetClient,
        device_id: str,
        environment: str,
        hosts: Mapping[str, Reports],
        tallies: Mapping[str, TaskTally],
        metrics: Metrics,
        process: int = 0,
        jitter: Callable[[], float] = lambda: _random.uniform(0.8, 1.0),
    ) -> None:
        """client: stays the caller's. hosts, tallies: by task. process: of the device's, which this one is.

        jitter: what waits are multiplied with, so that not all devices report at once.
        """
        self._client = client
        self._first = DeviceReport(
            device_id,
            boot_id=secrets.token_hex(8),
            sequence=0,
            environment=environment,
            process=process,
            board=board(),
            software=version("pipit-shared"),
        )
        self._hosts = hosts
        self._tallies = tallies
        self._jitter = jitter
        reports = metrics.counter("pipit_reports_total")
        self._results = {result: reports.labels(result) for result in _RESULTS}
        self._sequence = 0
        self._began = monotonic()
        self._failures = 0
        self._told_result = "taken"
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reporter", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def changed(self) -> None:
        """Says that something may be worth a report at once; returns at once."""
        self._woken.set()

    def settle(self) -> None:
        """Begins to stop: sends nothing more. From here on the client's channel may be closed."""
        self._stopped.set()
        self._woken.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Ends. May be called again, and before `start`. timeout: seconds for a call that is under way."""
        self.settle()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def report(self) -> DeviceReport:
        """What there is to say now."""
        self._sequence += 1
        _, free = memory_there_is()
        return replace(
            self._first,
            sequence=self._sequence,
            tasks=tuple(host.report() for host in self._hosts.values()),
            windows=tuple(window for tally in self._tallies.values() for window in tally.windows()),
            cpu_temperature=cpu_temperature(),
            throttled=throttled(),
            memory_available=free or None,
            up_seconds=monotonic() - self._began,
        )

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            said: object = None
            try:
                said = self._state()
                pause = self._send()
            except Exception:
                if self._stopped.is_set():
                    return  # The channel was closed under it.
                # A fault of ours: it must not end the reports.
                _log.exception("report_failed")
                self._results["failed"].inc()
                pause = LONGEST_PAUSE
            self._wait(monotonic() + pause * self._jitter(), said)

    def _send(self) -> float:
        """Gives the seconds until the next one."""
        report = self.report()
        try:
            seconds: float = self._client.report(report, _TIMEOUT)
        except PipitError as error:
            return self._failed(error)
        self._count("taken", "reports are taken again")
        self._failures = 0
        return min(max(seconds, SHORTEST_PAUSE), UNKNOWN_PAUSE)

    def _failed(self, error: PipitError) -> float:
        if self._stopped.is_set():
            return 0.0
        pause = min(float(FIRST_PAUSE * 2**self._failures), LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        if is_unknown_call(error):
            self._count("unknown", "the registry is too old to take reports of devices; update it")
            return UNKNOWN_PAUSE
        if isinstance(error, PermissionDenied | Unauthenticated):
            self._count("refused", f"{error}; give this device a token of its own (pipit devices add) in PIPIT_TOKEN")
            return REFUSED_PAUSE
        self._count("away" if isinstance(error, Unavailable | DeadlineExceeded) else "failed", str(error))
        return pause

    def _count(self, result: str, reason: str) -> None:
        """Counts it, and logs what is not as it was the last time."""
        self._results[result].inc()
        if result != self._told_result:
            log = _log.info if result in {"taken", "away"} else _log.warning
            log("reports", result=result, reason=reason)
            self._told_result = result

    def _wait(self, until: float, said: object) -> None:
        """Until then, or until something is otherwise than it was said."""
        while not self._stopped.is_set():
            left = until - monotonic()
            if left <= 0.0 or not self._woken.wait(left):
                return
            self._stopped.wait(TOGETHER)
            self._woken.clear()
            if self._failures == 0 and self._state() != said:
                return

    def _state(self) -> object:
        """What is worth a report at once, where it changes."""
        tasks = tuple(replace(host.report(), active_seconds=0.0) for host in self._hosts.values())
        return tasks, tuple(tally.place for tally in self._tallies.values())
