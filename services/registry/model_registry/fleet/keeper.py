"""The thread that keeps this copy's memory of the devices, and the store, up to date with each other."""

from __future__ import annotations

import random
import threading
from contextlib import suppress

from pipit.errors import PipitError
from pipit.logging import get_logger

from model_registry.fleet.hub import RegistryHub, device_key
from model_registry.fleet.records import DeviceRecords
from model_registry.fleet.sheets import Sheets

_FIRST_ROUND_SECONDS = 1.0
"""What a start waits for the devices to be read; for a store that does not answer it does not wait."""
_LAST_ROUND_SECONDS = 1.0
_RUSHING_SECONDS = 1.0
_JITTER = 0.2
"""So that copies that started together do not ask together for ever."""
_log = get_logger("model_registry.fleet.keeper")


class Keeper:
    """Reads what people made of devices and what other copies heard of them, writes what this one heard."""

    def __init__(self, records: DeviceRecords, sheets: Sheets, hub: RegistryHub, poll_seconds: float) -> None:
        """poll_seconds: between two rounds."""
        self._records = records
        self._sheets = sheets
        self._hub = hub
        self._poll_seconds = poll_seconds
        self._stopped = threading.Event()
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
        if self._thread.ident is not None:
            # A store that hangs can't keep the server from ending.
            self._thread.join(_LAST_ROUND_SECONDS)

    def round(self) -> None:
        """One look at the store. Raises what it does."""
        for record in self._records.look():
            self._hub.offer(device_key(record.device_id), record)
        self._sheets.look()
        self._sheets.write()

    def _run(self) -> None:
        while True:
            try:
                self.round()
            except PipitError as error:
                if not self._away:
                    _log.warning("fleet_unknown", reason=str(error))
                self._away = True
            except Exception:
                # Without this thread no token that is made or revoked elsewhere would ever be heard of again.
                if not self._away:
                    _log.exception("fleet_unknown")
                self._away = True
            else:
                self._away = False
            self._looked.set()
            if self._stopped.wait(self._poll_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)):
                break
        with suppress(PipitError):
            self._sheets.close()
