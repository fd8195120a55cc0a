"""`grpc.health.v1`, as anybody may ask it: nothing that a stranger sends is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest

from pipit.errors import NotFound, QueueFull

MOST_WATCHERS = 256
_SHOWN = 100


class HealthServicer(health.HealthServicer):  # type: ignore[misc]  # grpcio's has no types
    """grpcio's, but that a watch of a name that is not there ends at once, and watches have a limit.

    The protocol would keep such a watch open with SERVICE_UNKNOWN, for the name may come to be: a stranger could make a
    server remember any number of names of any length. A client that gets NOT_FOUND asks again after a pause, which
    comes to the same.
    """

    def __init__(self, most_watchers: int = MOST_WATCHERS) -> None:
        super().__init__()
        self._most_watchers = most_watchers
        self._watchers = 0

    def Watch(  # noqa: N802 (gRPC's name)
        self,
        request: HealthCheckRequest,
        context: grpc.ServicerContext,
        send_response_callback: Callable[[Any], None] | None = None,
    ) -> Any:
        """Raises NotFound, QueueFull."""
        with self._lock:
            if request.service not in self._server_status:
                raise NotFound(f"there is no health of {request.service[:_SHOWN]!r} here")
            if self._watchers >= self._most_watchers:
                raise QueueFull(f"{self._watchers} watch the health of this server already; ask it by Check")
            if not context.add_callback(self._left):
                return None
            self._watchers += 1
        return super().Watch(request, context, send_response_callback)

    def _left(self) -> None:
        with self._lock:
            self._watchers -= 1
