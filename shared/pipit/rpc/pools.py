"""Threads for each kind of call, so that none takes those of another, and a limit on what waits for them.

health                  threads of its own: probes are answered however much there is to do
reflection              threads of its own, as many as streams that it may have
watches                 none, once they have begun: `pipit.rpc.pushes`; to begin they have threads of their own
refusals                a thread of their own: whoever is not let in takes nobody's place
streams                 `pipit.rpc.streams`
all else                the server's, and so many more that wait for one
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import grpc

from pipit.errors import QueueFull
from pipit.rpc.callers import caller
from pipit.rpc.handlers import Behavior, Handler, Interceptor, behavior_of, wrap_handler
from pipit.rpc.places import Share, everything


class BoundedPool(ThreadPoolExecutor):
    """Says for whom it is full; whoever submits looks first."""

    def __init__(self, threads: int, waiting: int, name: str, share: Share = everything) -> None:
        """waiting: calls that may wait for a thread. name: of the threads. share: of one caller."""
        super().__init__(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._share = share
        self._held = 0
        self._held_by: Counter[str] = Counter()
        self._next = ""
        self._counting = threading.Lock()

    def enter(self, who: str) -> None:
        """Says whose call the next one is; gRPC's one serving thread then submits it. Raises QueueFull."""
        with self._counting:
            if self._held >= self._most:
                raise QueueFull("this server has as many calls as it takes; try again later, or send fewer at once")
            if self._held_by[who] >= self._share(self._most):
                raise QueueFull(f"{who} has as many calls here as one caller may; send fewer at once")
            self._next = who

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """As ThreadPoolExecutor."""
        with self._counting:
            who, self._next = self._next, ""
            self._held += 1
            self._held_by[who] += 1
        try:
            future = super().submit(*args, **kwargs)
        except BaseException:
            self._left(who)
            raise
        future.add_done_callback(lambda _: self._left(who))
        return future

    def _left(self, who: str) -> None:
        with self._counting:
            self._held -= 1
            self._held_by[who] -= 1
            if not self._held_by[who]:
                del self._held_by[who]


class Pools(Interceptor):
    """Sends calls of some services to threads of their own, and refuses with QueueFull what finds a pool full.

    Runs outside of all that choose threads for a call, and inside of ErrorInterceptor.
    """

    def __init__(self, default: BoundedPool, apart: Mapping[str, BoundedPool]) -> None:
        """default: the server's. apart: by the full name of a service, or `service/method`."""
        self._default = default
        self._apart = {f"/{name}/": pool for name, pool in apart.items()}
        self._moved = lru_cache(maxsize=64)(_move)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method. Raises QueueFull."""
        handler = continuation(details)
        if handler is None:
            return None
        method = details.method
        for prefix, pool in self._apart.items():
            if f"{method}/".startswith(prefix):
                handler = self._moved(handler, pool)
        pool = getattr(behavior_of(handler), "experimental_thread_pool", None) or self._default
        if isinstance(pool, BoundedPool):
            pool.enter(caller().name)
        return handler


def _move(handler: Handler, pool: BoundedPool) -> Handler:
    def wrap(behavior: Behavior, response_streaming: bool) -> Behavior:
        def answer(*args: Any) -> Any:
            return behavior(*args)

        return answer

    moved = wrap_handler(handler, wrap)
    behavior_of(moved).experimental_thread_pool = pool  # type: ignore[attr-defined]
    return moved
