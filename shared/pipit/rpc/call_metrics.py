"""The `grpc_server_*` metrics of a server, for all four shapes of call.

A client that leaves while a servicer waits for its next message may look, to grpcio, like one that has sent its last:
if the servicer then ends without an error, the call counts as OK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import grpc
from google.protobuf import descriptor_pool

from pipit.metrics import Metrics
from pipit.rpc.handlers import Behavior, Handler, Interceptor, WrappedOnce, wrap_handler
from pipit.rpc.server import code_of

_TYPES = {
    (False, False): "unary",
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}


class CallMetrics(Interceptor):
    """Counts and times calls. An observer of `build_server`: outside of ErrorInterceptor it sees final statuses."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._wrapped = WrappedOnce(self._wrap_handler)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method."""
        handler = continuation(details)
        # A method that nobody serves has no handler, and so no client can make series out of names it thinks up.
        return None if handler is None else self._wrapped(handler, details.method)

    def _wrap_handler(self, handler: Handler, method: str) -> Handler:
        meters = _MethodMeters(self._metrics, handler, method)

        def wrap(behavior: Behavior, response_streaming: bool) -> Behavior:
            if getattr(behavior, "experimental_non_blocking", False):
                return _pushed(behavior, meters)
            return _stream(behavior, meters) if response_streaming else _unary(behavior, meters)

        return wrap_handler(handler, wrap)


class _MethodMeters:
    """One method's children, looked up once."""

    def __init__(self, metrics: Metrics, handler: Handler, method: str) -> None:
        service, _, name = method.strip("/").rpartition("/")
        self._labels = (_TYPES[_streams(service, name, handler)], service, name)
        self._handled = metrics.counter("grpc_server_handled_total")
        self.requests_stream = handler.request_streaming
        self.started = metrics.counter("grpc_server_started_total").labels(*self._labels)
        self.received = metrics.counter("grpc_server_msg_received_total").labels(*self._labels)
        self.sent = metrics.counter("grpc_server_msg_sent_total").labels(*self._labels)
        self.handling = metrics.histogram("grpc_server_handling_seconds").labels(*self._labels)
        self._ok = self._handled.labels(*self._labels, "OK")

    def end(self, begun: float, context: grpc.ServicerContext, failed: bool = False) -> None:
        """Counts the end of a call. failed: it did not come to its own end."""
        self.handling.observe(perf_counter() - begun)
        code = code_of(context)
        if code is None and failed:
            code = grpc.StatusCode.UNKNOWN if context.is_active() else grpc.StatusCode.CANCELLED
        if code is None or code is grpc.StatusCode.OK:
            self._ok.inc()
        else:
            self._handled.labels(*self._labels, code.name).inc()

    def counted(self, requests: Iterator[Any]) -> Iterator[Any]:
        for request in requests:
            self.received.inc()
            yield request


def _streams(service: str, name: str, handler: Handler) -> tuple[bool, bool]:
    """Whether requests and responses stream, from the proto file; a handler that refuses a caller has another shape."""
    try:
        method = descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    except KeyError:
        return handler.request_streaming, handler.response_streaming
    return method.client_streaming, method.server_streaming


def _unary(behavior: Behavior, meters: _MethodMeters) -> Behavior:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        meters.started.inc()
        begun = perf_counter()
        failed = True
        try:
            response = behavior(meters.counted(request) if meters.requests_stream else request, context)
            failed = False
            return response
        finally:
            meters.end(begun, context, failed)

    return answer


def _stream(behavior: Behavior, meters: _MethodMeters) -> Behavior:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        meters.started.inc()
        begun = perf_counter()
        failed = True
        try:
            for response in behavior(meters.counted(request) if meters.requests_stream else request, context):
                meters.sent.inc()
                yield response
            failed = False
        finally:
            meters.end(begun, context, failed)

    return answer


def _pushed(behavior: Behavior, meters: _MethodMeters) -> Behavior:
    """A behavior that returns at once and sends its responses later, from other threads."""

    def answer(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> Any:
        meters.started.inc()
        begun = perf_counter()
        if not context.add_callback(lambda: meters.end(begun, context, failed=True)):
            meters.end(begun, context, failed=True)

        def counted_send(response: Any) -> None:
            if response is not None:
                meters.sent.inc()
            send(response)

        return behavior(request, context, counted_send)

    return answer
