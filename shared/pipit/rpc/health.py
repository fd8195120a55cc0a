"""`grpc.health.v1`, as anybody may ask it: nothing that a stranger sends is kept, and who watches holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from pipit.errors import NotFound, QueueFull
from pipit.rpc.handlers import holds_no_thread
from pipit.rpc.pushes import Push, Pushes

MOST_WATCHERS = 256
_SHOWN = 100
_SERVING, _NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # generated code has no types
    """Health by name; "" is there from the start, and SERVING. Any thread may call.

    In place of grpcio's own, for three reasons. That one sends to those who watch while it holds the lock that its
    callbacks need, and grpcio's one serving thread, which runs the callbacks, is what a send waits for: a watcher that
    left at the moment of a change would stop a server for good. It waits for a watcher that does not read. And it keeps
    a watch of a name that is not there, with SERVICE_UNKNOWN, for the name may come to be: a stranger could make a
    server remember any number of names of any length. Here such a watch ends; a client that gets NOT_FOUND asks again
    after a pause, which comes to the same.
    """

    def __init__(self, most_watchers: int = MOST_WATCHERS) -> None:
        self._most_watchers = most_watchers
        # Held for moments, never while anything is sent.
        self._lock = threading.Lock()
        self._statuses: dict[str, int] = {"": _SERVING}
        self._watches: set[_Watch] = set()
        self._closed = False
        self._pushes = Pushes("health")

    def set(self, service: str, status: int) -> None:
        """Says how a service is, and tells those who watch it, soon. Does nothing after `close`."""
        with self._lock:
            if not self._closed:
                self._statuses[service] = status
            concerned = [watch.push for watch in self._watches if watch.service == service]
        self._pushes.wake(concerned)

    def close(self) -> None:
        """Says NOT_SERVING of every service from now on."""
        with self._lock:
            self._closed = True
            self._statuses = dict.fromkeys(self._statuses, _NOT_SERVING)
            everybody = [watch.push for watch in self._watches]
        self._pushes.wake(everybody)
        self._pushes.close()

    def Check(  # noqa: N802 (gRPC's name)
        self, request: HealthCheckRequest, context: grpc.ServicerContext
    ) -> HealthCheckResponse:
        """Raises NotFound."""
        with self._lock:
            return HealthCheckResponse(status=self._status(request.service))

    @holds_no_thread
    def Watch(  # noqa: N802
        self, request: HealthCheckRequest, context: grpc.ServicerContext, send: Callable[[Any], None]
    ) -> None:
        """Tells how a service is, now and whenever that has changed. Raises NotFound, QueueFull."""
        watch = _Watch(request.service, self._news, send)
        with self._lock:
            self._status(watch.service)
            if len(self._watches) >= self._most_watchers:
                raise QueueFull(f"{len(self._watches)} watch the health of this server already; ask it by Check")
            self._watches.add(watch)
        self._pushes.open(watch.push, context, ended=lambda: self._left(watch))

    def _status(self, service: str) -> int:
        status = self._statuses.get(service)
        if status is None:
            raise NotFound(f"there is no health of {service[:_SHOWN]!r} here")
        return status

    def _news(self, watch: _Watch) -> Iterator[HealthCheckResponse]:
        with self._lock:
            status = self._statuses[watch.service]
        if status != watch.told:
            watch.told = status
            yield HealthCheckResponse(status=status)

    def _left(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.discard(watch)


class _Watch:
    """told: the status that was sent last."""

    def __init__(
        self, service: str, news: Callable[[_Watch], Iterator[HealthCheckResponse]], send: Callable[[Any], None]
    ) -> None:
        self.service = service
        self.told: int | None = None
        self.push = Push(lambda: news(self), send)
