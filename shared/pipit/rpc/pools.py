"""Threads for each kind of call, so that none takes those of another, and a limit on what waits for them.

health                  threads of its own: probes are answered however much there is to do
reflection              threads of its own, as many as streams that it may have
watches                 none, once they have begun: `pipit.rpc.pushes`; to begin they have threads of their own
refusals                a thread of their own: whoever is not let in takes nobody's place
streams                 `pipit.rpc.streams`
all else                the server's, and so many more that wait for one
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

import grpc

from pipit.errors import QueueFull
from pipit.logging import get_logger
from pipit.rpc.callers import caller
from pipit.rpc.handlers import MOST_METHODS, Behavior, Handler, Interceptor, behavior_of, wrap_handler
from pipit.rpc.places import Share, everything

PATIENCE = 0.02
"""Seconds that a call waits for one of the threads that are at work, before it gets one more."""
STALL = 0.005
"""Seconds without the end of a call, after which those at work are taken to wait for something, and one more begins."""
_log = get_logger(__name__)


class BoundedPool(ThreadPoolExecutor):
    """Says for whom it is full; whoever submits looks first.

    Calls that only compute gain nothing from more threads, which take the interpreter's lock from each other: so as
    many as `eager` are at work, and those that come meanwhile wait. Calls may wait for something, too, such as their
    message: where none ends for STALL, or one has waited for PATIENCE, that one gets a thread of its own, as long as
    there are any. The thread that was at work last is woken first, for the caches still have what it needs.

    Of ThreadPoolExecutor it has only the kind, which grpcio asks for: each of its futures takes two conditions and
    four locks, which is more than an empty call itself.
    """

    def __init__(
        self, threads: int, waiting: int, name: str, share: Share = everything, eager: int | None = None
    ) -> None:
        """waiting: calls that may wait for a thread. name: of the threads. share: of one caller, at least one.

        eager: threads at work that begin at once; None: all.
        """
        super().__init__(1)
        self._most = threads + waiting
        self._share = share
        self._next = ""
        self._crew = _Crew(threads, threads if eager is None else min(eager, threads), name)
        # Threads hold the crew alone, so that a pool that nobody holds any more ends them.
        weakref.finalize(self, self._crew.end).atexit = False

    def enter(self, who: str) -> None:
        """Says whose call the next one is; gRPC's one serving thread then submits it. Raises QueueFull."""
        crew = self._crew
        with crew.lock:
            if crew.held >= self._most:
                raise QueueFull("this server has as many calls as it takes; try again later, or send fewer at once")
            own = crew.held_by.get(who, 0)
            if own and own >= self._share(self._most):
                raise QueueFull(f"{who} has as many calls here as one caller may; send fewer at once")
            self._next = who

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As ThreadPoolExecutor; of what it gives, only `add_done_callback` is there. Raises RuntimeError once shut."""
        who, self._next = self._next, ""
        call = _Call(who, fn, args, kwargs)
        self._crew.take(call)
        return call  # type: ignore[return-value]  # all of it that grpcio uses

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls. wait: until those that it has are done. cancel_futures: drops those that wait."""
        self._crew.end(drop=cancel_futures)
        if wait:
            self._crew.join()


class _Call:
    """One call, until it is done."""

    __slots__ = ("args", "fn", "kwargs", "on_done", "since", "who")

    def __init__(self, who: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.who = who
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.since = 0.0
        """When it began to wait, of the monotonic clock; 0: it did not."""
        self.on_done: Callable[[Any], object] | None = _none_yet

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Called once when the call is done, or now where it is. For one callback, by who submitted."""
        with _handing_over:
            if self.on_done is not None:
                self.on_done = callback
                return
        callback(self)

    def run(self) -> None:
        try:
            self.fn(*self.args, **self.kwargs)
        except BaseException as error:
            # grpcio catches what a call raises, so this is a fault of this server or of grpcio.
            _log.error("call_failed", exc_info=error)
        with _handing_over:
            on_done, self.on_done = self.on_done, None
        if on_done is not None:
            on_done(self)


def _none_yet(call: Any) -> None:
    """Nobody asked to be told."""


_handing_over = threading.Lock()
"""Held for a moment, while a call is done or somebody asks to be told."""


class _Worker:
    """One thread. wake: held while it has nothing to do. call: what it is woken for; None: to end."""

    __slots__ = ("call", "thread", "wake")

    def __init__(self) -> None:
        self.wake = threading.Lock()
        self.wake.acquire()
        self.call: _Call | None = None
        self.thread: threading.Thread | None = None


class _Crew:
    """The threads of a pool, and what waits for them. All is guarded by `lock`."""

    def __init__(self, most: int, eager: int, name: str) -> None:
        self.lock = threading.Lock()
        self.held = 0
        """Calls that run or wait."""
        self.held_by: dict[str, int] = {}
        self._most = most
        self._eager = eager
        self._name = name
        self._waiting: deque[_Call] = deque()
        self._workers: list[_Worker] = []
        # Last in, first out.
        self._idle: list[_Worker] = []
        self._watching = False
        self._last_end = 0.0
        """Of a call, of the monotonic clock."""
        self._ended = False
        _crews.add(self)

    def take(self, call: _Call) -> None:
        """Begins a call, or lets it wait."""
        with self.lock:
            if self._ended:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self.held += 1
            self.held_by[call.who] = self.held_by.get(call.who, 0) + 1
            if len(self._workers) - len(self._idle) < self._eager:
                self._give(call)
                return
            call.since = monotonic()
            self._waiting.append(call)
            watches = len(self._workers) < self._most or bool(self._idle)
            if self._watching or not watches:
                return
            self._watching = True
        threading.Thread(target=self._watch, name=f"{self._name}_watch", daemon=True).start()

    def _give(self, call: _Call) -> None:
        """To a thread that has nothing to do, or to a new one. For who holds `lock`."""
        if self._idle:
            worker = self._idle.pop()
            worker.call = call
            worker.wake.release()
            return
        worker = _Worker()
        name = f"{self._name}_{len(self._workers)}"
        worker.thread = threading.Thread(target=self._work, args=(worker, call), name=name, daemon=True)
        self._workers.append(worker)
        worker.thread.start()

    def _work(self, worker: _Worker, first: _Call) -> None:
        call: _Call | None = first
        while call is not None:
            call.run()
            call = self._after(call, worker)
            if call is None:
                worker.wake.acquire()
                call, worker.call = worker.call, None

    def _after(self, done: _Call, worker: _Worker) -> _Call | None:
        """The next call; None: the thread waits to be woken."""
        with self.lock:
            self._last_end = monotonic()
            self.held -= 1
            left = self.held_by[done.who] - 1
            if left:
                self.held_by[done.who] = left
            else:
                del self.held_by[done.who]
            if self._waiting:
                return self._waiting.popleft()
            if self._ended:
                worker.wake.release()
            else:
                self._idle.append(worker)
            return None

    def _watch(self) -> None:
        """Gives threads to calls that have waited for too long; ends when none waits."""
        pause = threading.Event()
        while True:
            pause.wait(STALL)
            with self.lock:
                now = monotonic()
                stalled = now - self._last_end >= STALL
                while self._waiting and (stalled or now - self._waiting[0].since >= PATIENCE):
                    if not self._idle and len(self._workers) >= self._most:
                        break
                    self._give(self._waiting.popleft())
                    stalled = False
                if not self._waiting:
                    self._watching = False
                    return

    def end(self, *, drop: bool = False) -> None:
        """Takes no more calls, and ends the threads once those that it has are done. drop: those that wait are not."""
        with self.lock:
            self._ended = True
            if drop:
                self._waiting.clear()
            for worker in self._idle:
                worker.wake.release()
            self._idle.clear()

    def join(self) -> None:
        """Waits for what runs."""
        for worker in self._workers:
            if worker.thread is not None and worker.thread is not threading.current_thread():
                worker.thread.join()


_crews: weakref.WeakSet[_Crew] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """A thread that comes back from native code once the interpreter is gone would crash the process."""
    crews = list(_crews)
    for crew in crews:
        crew.end()
    for crew in crews:
        crew.join()


class Pools(Interceptor):
    """Sends calls of some services to threads of their own, and refuses with QueueFull what finds a pool full.

    Runs outside of all that choose threads for a call, and inside of ErrorInterceptor.
    """

    def __init__(self, default: BoundedPool, apart: Mapping[str, BoundedPool]) -> None:
        """default: the server's. apart: by the full name of a service, or `service/method`."""
        self._default = default
        self._apart = {f"/{name}/": pool for name, pool in apart.items()}
        self._known: dict[str, tuple[Handler, Handler, Any]] = {}
        """By method: a handler, the same on its threads, and these."""

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method. Raises QueueFull."""
        handler = continuation(details)
        if handler is None:
            return None
        known = self._known.get(details.method)
        if known is None or known[0] is not handler:
            if len(self._known) >= MOST_METHODS:
                self._known.clear()
            known = self._known[details.method] = (handler, *self._placed(handler, details.method))
        _, handler, pool = known
        if isinstance(pool, BoundedPool):
            pool.enter(caller().name)
        return handler

    def _placed(self, handler: Handler, method: str) -> tuple[Handler, Any]:
        for prefix, pool in self._apart.items():
            if f"{method}/".startswith(prefix):
                handler = _move(handler, pool)
        return handler, getattr(behavior_of(handler), "experimental_thread_pool", None) or self._default


def _move(handler: Handler, pool: BoundedPool) -> Handler:
    def wrap(behavior: Behavior, response_streaming: bool) -> Behavior:
        def answer(*args: Any) -> Any:
            return behavior(*args)

        return answer

    moved = wrap_handler(handler, wrap)
    behavior_of(moved).experimental_thread_pool = pool  # type: ignore[attr-defined]
    return moved
