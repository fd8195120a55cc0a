"""What grpcio calls to answer a call, and how something is put around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

Behavior = Callable[..., Any]
"""What a servicer's method is: (request or iterator of requests, context) -> response or iterator of responses.

Methods marked `experimental_non_blocking` (grpcio's health Watch is one) take a third argument that sends a response.
"""
Deserializer = Callable[[bytes], Any]
MOST_METHODS = 256
"""That are remembered: those of a server are fewer, but a handler of any name may be served."""
if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler
Interceptor = grpc.ServerInterceptor


def holds_no_thread(method: Any) -> Any:
    """Marks a servicer's method that gives one request many responses, and returns before it has sent them.

    It takes a third argument, which sends a response, or ends the call: None as OK, and through ErrorInterceptor an
    error with its status.
    """
    method.experimental_non_blocking = True
    return method


def wrap_handler(
    handler: Handler, wrap: Callable[[Behavior, bool], Behavior], deserialize: Deserializer | None = None
) -> Handler:
    """Puts `wrap(behavior, response_streaming)` around a handler's behavior, for all four shapes of call.

    grpcio's marks on a behavior (its own thread pool, non-blocking) are kept. deserialize: None keeps the handler's.
    """
    behavior = behavior_of(handler)
    wrapped = wrap(behavior, handler.response_streaming)
    if wrapped is behavior:
        return handler
    for mark in ("experimental_non_blocking", "experimental_thread_pool"):
        if hasattr(behavior, mark):
            setattr(wrapped, mark, getattr(behavior, mark))
    make: Callable[..., Handler] = getattr(grpc, f"{_shape(handler)}_rpc_method_handler")
    return make(wrapped, deserialize or handler.request_deserializer, handler.response_serializer)


class WrappedOnce:
    """Handlers as something has wrapped them.

    grpcio asks for the handler of a method with each call, and as a rule the same one comes back.
    """

    def __init__(self, wrap: Callable[[Handler, str], Handler]) -> None:
        """wrap: of a handler and the method's full name."""
        self._wrap = wrap
        self._known: dict[str, tuple[Handler, Handler]] = {}

    def __call__(self, handler: Handler, method: str) -> Handler:
        """The handler, wrapped."""
        known = self._known.get(method)
        if known is not None and known[0] is handler:
            return known[1]
        if len(self._known) >= MOST_METHODS:
            self._known.clear()
        wrapped = self._wrap(handler, method)
        self._known[method] = handler, wrapped
        return wrapped


def behavior_of(handler: Handler) -> Behavior:
    """The servicer's method."""
    behavior: Behavior = getattr(handler, _shape(handler))
    return behavior


def _shape(handler: Handler) -> str:
    request = "stream" if handler.request_streaming else "unary"
    return f"{request}_{'stream' if handler.response_streaming else 'unary'}"
