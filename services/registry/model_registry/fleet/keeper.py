"""The thread that keeps this copy's memory and the store up to date with each other, and lets the steward step.

each poll_seconds       devices, sheets, environments: what has changed in the store? what did this copy hear?
while a rollout is open, each second, and soon after a report of it
sheets, and the environments that it is in; then the steward decides
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from random import Random
from time import monotonic

from pipit.errors import PipitError
from pipit.logging import get_logger

from model_registry.fleet.gauges import Gauges
from model_registry.fleet.hub import Offer, device_key
from model_registry.fleet.records import DeviceRecords
from model_registry.fleet.sheets import Sheets
from model_registry.fleet.stands import Stands
from model_registry.fleet.steward import Steward
from model_registry.pointer import Pointer

_FIRST_ROUND_SECONDS = 1.0
"""What a start waits for the devices to be read; for a store that does not answer it does not wait."""
_LAST_ROUND_SECONDS = 1.0
_RUSHING_SECONDS = 1.0
_SHORTEST_SECONDS = 0.2
"""Between two rounds, however many reports come."""
_JITTER = 0.2
"""So that copies that started together do not ask together for ever."""
_log = get_logger("model_registry.fleet.keeper")
_random = Random()
"""Its own: whoever seeds the module's, such as a test, then gets the same numbers again."""


class Keeper:
    """See the module."""

    def __init__(
        self,
        records: DeviceRecords,
        sheets: Sheets,
        stands: Stands,
        steward: Steward,
        gauges: Gauges,
        offer: Offer,
        poll_seconds: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """offer: to those who watch. poll_seconds: between two full rounds. clock: seconds."""
        self._records = records
        self._sheets = sheets
        self._stands = stands
        self._steward = steward
        self._gauges = gauges
        self._offer = offer
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._polled_at = -float("inf")
        self._rushed_at = -float("inf")
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._looked = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> None:
        """Returns soon, whatever the store does."""
        self._thread.start()
        self._looked.wait(_FIRST_ROUND_SECONDS)

    def stop(self) -> None:
        """Ends the thread, and says in the store that nobody watches here any more."""
        self._stopped.set()
        self._wanted.set()
        if self._thread.ident is not None:
            # A store that hangs can't keep the server from ending.
            self._thread.join(_LAST_ROUND_SECONDS)

    def reported(self, environment: str) -> None:
        """Looks soon whether there is something to decide, for a device of that environment has spoken."""
        if environment in self._stands.open_names():
            self._wanted.set()

    def moved(self, before: Pointer, after: Pointer) -> None:
        """Knows at once what this copy itself has changed."""
        self._stands.offer(after)
        self._gauges.moved(before, after)
        self._wanted.set()

    def round(self) -> None:
        """One look at the store, and at what follows from it. Raises what the store does."""
        now = self._clock()
        full = now - self._polled_at >= self._poll_seconds * (1 - _JITTER)
        rush = full or now - self._rushed_at >= _RUSHING_SECONDS * (1 - _JITTER)
        if full:
            self._polled_at = now
            for record in self._records.look():
                self._offer(device_key(record.device_id), record)
            self._stands.look()
        if rush:
            self._rushed_at = now
            self._sheets.look()
            if not full:
                self._stands.look_at_open()
        self._pass_on()
        self._sheets.write(self._stands.open_names())
        self._steward.step()
        # Who came too late to change something has read what another copy made of it.
        self._pass_on()
        if rush:
            self._gauges.show_rollouts()
        if full:
            self._gauges.show_devices()

    def _pass_on(self) -> None:
        """All that is known here, however it came to be; those who watch are told what is new to them."""
        for pointer in self._stands.all():
            self._offer((pointer.task, pointer.name), pointer)

    def _pause(self) -> float:
        pause = min(self._poll_seconds, _RUSHING_SECONDS) if self._stands.open_names() else self._poll_seconds
        return pause * _random.uniform(1 - _JITTER, 1)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.clear()
            began = self._clock()
            try:
                self.round()
            except PipitError as error:
                if not self._away:
                    _log.warning("fleet_unknown", reason=str(error))
                self._fell_away()
            except Exception:
                # Without this thread no token that is made or revoked elsewhere would ever be heard of again.
                if not self._away:
                    _log.exception("fleet_unknown")
                self._fell_away()
            else:
                self._away = False
            self._looked.set()
            # A round over thousands of devices takes its time; calls want theirs.
            rest = max(min(_SHORTEST_SECONDS, self._poll_seconds), 2 * (self._clock() - began))
            if not self._stopped.wait(rest):
                self._wanted.wait(self._pause())
        with suppress(PipitError):
            self._sheets.close()

    def _fell_away(self) -> None:
        self._away = True
        self._sheets.interrupted()
