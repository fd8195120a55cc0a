"""Threads for streams, apart from those of unary calls, so that streams that stay open never starve short calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc

from pipit.rpc.handlers import Behavior, Handler, Interceptor, WrappedOnce, wrap_handler
from pipit.rpc.places import Places, Share, everything
from pipit.rpc.pools import BoundedPool


class StreamBudget(Interceptor):
    """Gives every stream a thread of an own pool; refuses one more with QueueFull. Runs inside of AuthInterceptor.

    Methods that hold no thread (marked `experimental_non_blocking`) are left alone.
    """

    def __init__(self, streams: int, share: Share = everything, without: Sequence[str] = ()) -> None:
        """streams: how many may be open at once. share: of one caller. without: services that are no matter of this."""
        refusal = f"{streams} streams are open, which is all this server takes; try again later"
        self._places = Places(streams, refusal, share)
        self._without = tuple(f"/{service}/" for service in without)
        # One more thread than streams: it tells those who come too late, instead of letting them wait unanswered.
        self._pool = BoundedPool(streams + 1, streams, "stream")
        self._wrapped = WrappedOnce(self._wrap_handler)

    @property
    def open_streams(self) -> int:
        """How many are open."""
        return self._places.taken

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method."""
        handler = continuation(details)
        if handler is None or not (handler.request_streaming or handler.response_streaming):
            return handler
        if details.method.startswith(self._without):
            return handler
        return self._wrapped(handler, details.method)

    def _wrap_handler(self, handler: Handler, method: str) -> Handler:
        return wrap_handler(handler, self._wrap)

    def _wrap(self, behavior: Behavior, response_streaming: bool) -> Behavior:
        if getattr(behavior, "experimental_non_blocking", False):
            return behavior

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            with self._places.take():
                return behavior(request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            # In the generator, so that one that is never begun takes no place.
            with self._places.take():
                yield from behavior(request, context)

        answer: Any = stream if response_streaming else unary
        answer.experimental_thread_pool = self._pool
        return answer  # type: ignore[no-any-return]
