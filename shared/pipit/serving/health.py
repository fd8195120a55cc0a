"""`grpc.health.v1`: the truth about each task, under its name, and about all of them together, under "".

A task is SERVING while a version answers; everything is SERVING while every task is, and nothing is while the server
drains. `liveness` is SERVING all along: a process that waits for its first model is not to be restarted.
Watch holds no thread, and who reports a change waits for nobody who watches: see `pipit.rpc.health`.
"""

from __future__ import annotations

import threading

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from pipit.rpc.health import HealthServicer
from pipit.rpc.probe import LIVENESS
from pipit.serving.data_plane import DataPlane

SERVICES = ("", "pipit.inference.v1.InferenceService", "pipit.faces.v1.FaceService", "inference.GRPCInferenceService")
"""What is asked for under these names is whether everything answers."""


class HealthReport:
    """Keeps the health service up to date."""

    def __init__(self) -> None:
        self._servicer = HealthServicer()
        self._lock = threading.Lock()
        self._told: dict[str, bool] = {}
        self._tell(LIVENESS, is_serving=True)

    def add_to(self, server: grpc.Server) -> None:
        """Registers the service."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def update(self, plane: DataPlane) -> None:
        """Reports what has changed. Any thread may call it."""
        # Reads the state inside of the lock, so that what is told last is what was true last.
        with self._lock:
            for task, host in plane.hosts.items():
                self._tell(task, host.is_serving and not plane.is_draining)
            for service in SERVICES:
                self._tell(service, plane.is_ready)

    def close(self) -> None:
        """Nothing is SERVING any more."""
        self._servicer.close()

    def _tell(self, service: str, is_serving: bool) -> None:
        if self._told.get(service) is not is_serving:
            self._told[service] = is_serving
            state = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
            self._servicer.set(service, state)
