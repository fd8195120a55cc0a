"""Cuts streams whose other end has stopped: a reader that takes nothing, a sender that sends nothing.

    the servicer works       nothing is measured
    it waits for the client  for longer than the limit ──> the call is cancelled, its thread and its place are free

gRPC's own pings find a machine that is gone, not a program that holds a place and does nothing with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from time import monotonic
from typing import Any

import grpc

from pipit.logging import get_logger
from pipit.rpc.callers import caller
from pipit.rpc.handlers import Behavior, Handler, Interceptor, WrappedOnce, wrap_handler

_LOOKS = 4
"""How often within the limit it is looked."""
_log = get_logger(__name__)


class MinimumProgress(Interceptor):
    """Runs inside of ErrorInterceptor and of AuthInterceptor."""

    def __init__(self, seconds: float, receiving: Collection[str] = ()) -> None:
        """seconds: that a client may let a stream wait to be read.

        receiving: methods, as `/package.Service/Method`, that it may not let wait for its next message either. Others
        may be silent for as long as they like: a camera before which nothing happens.
        """
        self._seconds = seconds
        self._receiving = frozenset(receiving)
        self._flows: set[_Flow] = set()
        self._changed = threading.Condition()
        self._watching = False
        self._wrapped = WrappedOnce(self._wrap_handler)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method."""
        handler = continuation(details)
        if handler is None or not (handler.request_streaming or handler.response_streaming):
            return handler
        return self._wrapped(handler, details.method)

    def _wrap_handler(self, handler: Handler, method: str) -> Handler:
        def wrap(behavior: Behavior, response_streaming: bool) -> Behavior:
            if getattr(behavior, "experimental_non_blocking", False):
                return self._pushed(behavior, method)
            receives = handler.request_streaming and method in self._receiving

            def unary(request: Any, context: grpc.ServicerContext) -> Any:
                flow = self._begin(method, context)
                try:
                    return behavior(flow.timed(request) if receives else request, context)
                finally:
                    self._end(flow)

            def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
                flow = self._begin(method, context)
                try:
                    for response in behavior(flow.timed(request) if receives else request, context):
                        # The generator goes on when gRPC has taken the message, which it does as the client reads.
                        flow.waits_since = monotonic()
                        yield response
                        flow.waits_since = None
                finally:
                    self._end(flow)

            return stream if response_streaming else unary

        return wrap_handler(handler, wrap)

    def _pushed(self, behavior: Behavior, method: str) -> Behavior:
        """A behavior that returns at once and sends its responses later, from other threads."""

        def answer(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> Any:
            flow = self._begin(method, context)
            if not context.add_callback(lambda: self._end(flow)):
                self._end(flow)

            def timed(response: Any) -> None:
                flow.waits_since = monotonic()
                try:
                    send(response)
                finally:
                    flow.waits_since = None

            return behavior(request, context, timed)

        return answer

    def _begin(self, method: str, context: grpc.ServicerContext) -> _Flow:
        flow = _Flow(method, context)
        with self._changed:
            self._flows.add(flow)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="progress", daemon=True).start()
        return flow

    def _end(self, flow: _Flow) -> None:
        with self._changed:
            self._flows.discard(flow)
            if not self._flows:
                self._changed.notify_all()

    def _watch(self) -> None:
        """Ends when no stream is open."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._flows, self._seconds / _LOOKS)
                if not self._flows:
                    self._watching = False
                    return
                late = monotonic() - self._seconds
                stalled = [flow for flow in self._flows if flow.waits_since is not None and flow.waits_since < late]
            for flow in stalled:
                flow.waits_since = None
                _log.warning("stalled_stream_cut", method=flow.method, caller=flow.caller, seconds=self._seconds)
                flow.context.cancel()


class _Flow:
    """One stream. waits_since: of the monotonic clock, since when the client is waited for; None: it is not."""

    __slots__ = ("caller", "context", "method", "waits_since")

    def __init__(self, method: str, context: grpc.ServicerContext) -> None:
        self.method = method
        self.context = context
        self.caller = caller().name
        self.waits_since: float | None = None

    def timed(self, requests: Iterator[Any]) -> Iterator[Any]:
        self.waits_since = monotonic()
        for request in requests:
            self.waits_since = None
            yield request
            self.waits_since = monotonic()
        self.waits_since = None
