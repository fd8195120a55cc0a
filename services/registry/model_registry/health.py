"""`grpc.health.v1`: SERVING while the store answers. Asked at an interval, so that recovery shows by itself.

`liveness` is SERVING until the stop, whatever the store does: a restart would not bring it back.
"""

from __future__ import annotations

import threading

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from pipit.errors import PipitError
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.rpc.health import HealthServicer
from pipit.rpc.probe import LIVENESS
from pipit.storage import ObjectStore

_FIRST_LOOK_SECONDS = 1.0
"""What a start waits for a store that answers; for another one it does not wait."""
_LAST_LOOK_SECONDS = 1.0

_log = get_logger("model_registry.health")


class StoreHealth:
    """Keeps the health service up to date, under "" and under each of `services`."""

    def __init__(self, store: ObjectStore, services: tuple[str, ...], interval: float, metrics: Metrics) -> None:
        """interval: seconds between two looks at the store."""
        self._store = store
        self._services = ("", *services)
        self._interval = interval
        self._servicer = HealthServicer()
        self._servicer.set(LIVENESS, HealthCheckResponse.SERVING)
        for name in self._services:
            self._servicer.set(name, HealthCheckResponse.NOT_SERVING)
        self._up = metrics.gauge("pipit_registry_store_up")
        self._was_up: bool | None = None
        self._stopped = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-health", daemon=True)

    def add_to(self, server: grpc.Server) -> None:
        """Registers the service."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def start(self) -> None:
        """Begins to look, at once and then at the interval. Returns soon, whatever the store does."""
        self._thread.start()
        self._looked.wait(_FIRST_LOOK_SECONDS)

    def stop(self) -> None:
        """Says NOT_SERVING from now on."""
        self._stopped.set()
        self._servicer.close()
        if self._thread.ident is not None:
            # A store that hangs can't keep the server from ending.
            self._thread.join(_LAST_LOOK_SECONDS)

    def look(self) -> None:
        """Asks the store, and makes what a new one lacks."""
        try:
            self._store.check()
        except PipitError as error:
            up, reason = False, str(error)
        except Exception as error:
            # Not told apart from a store that is away: this thread has to look again.
            up, reason = False, f"{type(error).__name__}: {error}"
            if self._was_up is not False:
                _log.exception("look_failed")
        else:
            up, reason = True, ""
        if up != self._was_up:
            _log.log(20 if up else 40, "store_answers" if up else "store_away", reason=reason)
            self._was_up = up
        self._up.set(up)
        status = HealthCheckResponse.SERVING if up else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            self._servicer.set(service, status)

    def _run(self) -> None:
        while True:
            self.look()
            self._looked.set()
            if self._stopped.wait(self._interval):
                return
