"""Threads for streams, apart from those of unary calls, so that streams that stay open never starve short calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import grpc

from pipit.errors import QueueFull
from pipit.rpc.server import Behavior, Handler, Interceptor, wrap_handler


class StreamBudget(Interceptor):
    """Gives every stream a thread of an own pool; refuses one more with QueueFull. Runs inside of ErrorInterceptor.

    Methods that hold no thread (marked `experimental_non_blocking`) are left alone.
    """

    def __init__(self, streams: int) -> None:
        """streams: how many may be open at once."""
        self._streams = streams
        self._free = threading.BoundedSemaphore(streams)
        # One more thread than streams: it tells those who come too late, instead of letting them wait unanswered.
        self._pool = ThreadPoolExecutor(streams + 1, thread_name_prefix="stream")
        self._open = 0
        self._lock = threading.Lock()
        self._wrapped = lru_cache(maxsize=256)(self._wrap_handler)

    @property
    def open_streams(self) -> int:
        """How many are open."""
        return self._open

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method."""
        handler = continuation(details)
        if handler is None or not (handler.request_streaming or handler.response_streaming):
            return handler
        return self._wrapped(handler)

    def _wrap_handler(self, handler: Handler) -> Handler:
        return wrap_handler(handler, self._wrap)

    def _wrap(self, behavior: Behavior, response_streaming: bool) -> Behavior:
        if getattr(behavior, "experimental_non_blocking", False):
            return behavior

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            self._enter()
            try:
                return behavior(request, context)
            finally:
                self._leave()

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            # In the generator, so that one that is never begun takes no place.
            self._enter()
            try:
                yield from behavior(request, context)
            finally:
                self._leave()

        answer: Any = stream if response_streaming else unary
        answer.experimental_thread_pool = self._pool
        return answer  # type: ignore[no-any-return]

    def _enter(self) -> None:
        if not self._free.acquire(blocking=False):
            raise QueueFull(f"{self._streams} streams are open, which is all this server takes; try again later")
        with self._lock:
            self._open += 1

    def _leave(self) -> None:
        with self._lock:
            self._open -= 1
        self._free.release()
