"""The workers of a server: who computes a request, and how many processes there are for it.

request ──nobody computes here──────────────> here
   ├──a worker has the model and a free lane─> there
   └──else───────────────────────────────────> here, and a worker is wanted: one more is begun, up to the most
                                                     └──none was used for a while──> all are ended

A worker that dies is begun anew when it is wanted again; one that dies over and over is left alone for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

from pipit.errors import Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.proving import memory_is_short
from pipit.proving.limits import MEBIBYTE, machine_memory, memory_there_is
from pipit.workers.messages import Open
from pipit.workers.worker import LANES, Lane, Worker

NEEDED = 64 * MEBIBYTE
"""Bytes that a worker takes, with a small network and something to spare."""
_ROOMS = 8
_LEAST_ROOM = 16 * MEBIBYTE
"""A request in a worker may decode with this part of what all requests may, and with so many bytes in any case. It
counts as if it took all of that."""
_SMALL_MACHINE = 1280 * MEBIBYTE
"""All memory of a machine on which one process computes: a Pi with 1 GB runs several servers, and is to stay free."""
_SERVER = 192 * MEBIBYTE
"""Bytes that the server itself takes, beside what is decoded."""
_MOST = 4
"""Processes that are begun where no setting says how many."""
_IDLE_SECONDS = 600.0
"""After which workers that nobody needed are ended."""
_MOST_DEATHS = 3
_STOP_SECONDS = 5.0
"""That a stop leaves to a worker which opens a bundle."""
_REST_SECONDS = 600.0
"""No worker is begun for so long, once as many have died within that time."""

_log = get_logger(__name__)


def most_workers(processes: int, cores: int, decode_bytes: int) -> int:
    """How many there may be beside the server's own process. processes: that a setting wants in all; 0: as many as fit.

    cores: that the server is to use. decode_bytes: that all requests may decode with at once.
    """
    if processes:
        return processes - 1
    total, _ = memory_there_is()
    if machine_memory() <= _SMALL_MACHINE:
        return 0
    return max(0, min(cores, _MOST, 1 + (total - _SERVER - decode_bytes) // NEEDED) - 1)


class Crew:
    """Threads share it."""

    def __init__(
        self,
        most: int,
        decode_bytes: int,
        metrics: Metrics,
        widen: Callable[[int], None],
        begin: Callable[[int], Worker] = Worker,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        """most: workers; 0: everything is computed here. decode_bytes: that all requests may decode with at once.

        widen: told how many more requests may be under way, once a worker is there, or fewer. begin: starts a worker.
        """
        self.room = max(decode_bytes // _ROOMS, min(decode_bytes, _LEAST_ROOM))
        """Bytes that one request may decode with in a worker."""
        self._most = most
        self._widen = widen
        self._begin = begin
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._here = 0
        self._workers: list[Worker] = []
        self._wanted: Open | None = None
        self._refused: set[str] = set()
        self._deaths: deque[float] = deque(maxlen=_MOST_DEATHS)
        self._rests_until = 0.0
        self._used = monotonic()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._ended = metrics.counter("pipit_worker_ends_total")
        metrics.gauge("pipit_workers").set_function(lambda: len(self._workers))

    def take(self, bundle: Open) -> Lane | None:
        """Who computes the next request to this bundle; None: the caller itself. `give` it back."""
        with self._changed:
            if self._here and self._most:
                lane = self._free_lane(bundle.digest)
                if lane is not None:
                    return lane
                if self._wanted is None and bundle.digest not in self._refused:
                    self._want(bundle)
            self._here += 1
            return None

    def give(self, lane: Lane | None) -> None:
        """The request is computed."""
        with self._changed:
            if lane is None:
                self._here -= 1
                return
            lane.worker.free.append(lane)
            self._used = monotonic()
            if lane.worker.is_dead:
                self._changed.notify()

    def forget(self, digest: str) -> None:
        """Nobody asks for this bundle any more."""
        with self._changed:
            self._refused.discard(digest)
            if self._wanted is not None and self._wanted.digest == digest:
                self._wanted = None
            workers = list(self._workers)
        for worker in workers:
            worker.drop(digest)

    def stop(self) -> None:
        """Ends all workers. Requests that are under way have no answer then."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is None:
            return
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            for worker in list(self._workers):
                worker.kill()
            self._thread.join()

    def _free_lane(self, digest: str) -> Lane | None:
        best: Worker | None = None
        for worker in self._workers:
            if digest in worker.has and len(worker.free) > (0 if best is None else len(best.free)):
                best = worker
        if best is None:
            return None
        if best.is_dead or not best.is_running:
            best.is_dead = True
            self._changed.notify()
            return None
        return best.free.pop()

    def _want(self, bundle: Open) -> None:
        now = monotonic()
        if now < self._rests_until:
            return
        if len(self._workers) == self._most and all(bundle.digest in worker.has for worker in self._workers):
            return
        self._wanted = bundle
        self._used = now
        if self._thread is None and not self._stopping:
            self._thread = threading.Thread(target=self._work, name="crew", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, self._idle_seconds if self._workers else None)
                wanted, stopping = self._wanted, self._stopping
                idle = monotonic() - self._used >= self._idle_seconds
            self._bury()
            if stopping:
                for worker in self._workers:
                    if len(worker.free) < LANES:
                        # The time that requests had is over.
                        worker.kill()
                self._dismiss("stopped", everyone=True)
                return
            if wanted is not None:
                self._serve(wanted)
            elif idle:
                self._dismiss("idle")

    def _has_work(self) -> bool:
        return self._stopping or self._wanted is not None or any(map(_is_buriable, self._workers))

    def _serve(self, wanted: Open) -> None:
        """Has a worker that is there open the bundle, or begins one that does."""
        worker = next((worker for worker in self._workers if wanted.digest not in worker.has), None)
        try:
            if worker is None:
                worker = self._new()
            if worker is None:
                return
            failed = worker.open(wanted)
            with self._changed:
                was_forgotten = self._wanted is not wanted
                if failed is not None and not was_forgotten:
                    self._refused.add(wanted.digest)
            if was_forgotten:
                worker.drop(wanted.digest)
            elif failed is not None:
                _log.warning("worker_refused", path=wanted.path, reason=failed.text)
        except Unavailable as error:
            _log.warning("worker_failed", path=wanted.path, reason=str(error))
        except Exception as error:
            self._rests_until = monotonic() + _REST_SECONDS
            _log.error("no_worker", exc_info=error)
        finally:
            with self._changed:
                if self._wanted is wanted:
                    self._wanted = None

    def _new(self) -> Worker | None:
        """None: memory is short."""
        if memory_is_short(NEEDED):
            self._rests_until = monotonic() + _REST_SECONDS
            _log.info("no_worker", reason="too little memory is free; this process computes by itself")
            return None
        worker = self._begin(self.room)
        with self._changed:
            self._workers.append(worker)
        self._widen(LANES - 1)
        _log.info("worker_began", worker=worker.pid, workers=len(self._workers))
        return worker

    def _bury(self) -> None:
        with self._changed:
            dead = [worker for worker in self._workers if _is_buriable(worker)]
            self._workers = [worker for worker in self._workers if worker not in dead]
        for worker in dead:
            self._count_death()
            self._widen(1 - LANES)
            self._ended.labels("died").inc()
            _log.error("worker_died", worker=worker.pid, reason=worker.end())

    def _count_death(self) -> None:
        now = monotonic()
        self._deaths.append(now)
        if len(self._deaths) == _MOST_DEATHS and now - self._deaths[0] < _REST_SECONDS:
            self._rests_until = now + _REST_SECONDS

    def _dismiss(self, why: str, *, everyone: bool = False) -> None:
        with self._changed:
            resting = [worker for worker in self._workers if everyone or len(worker.free) == LANES]
            self._workers = [worker for worker in self._workers if worker not in resting]
        for worker in resting:
            self._widen(1 - LANES)
            self._ended.labels(why).inc()
            _log.info("worker_ended", worker=worker.pid, why=why, reason=worker.end())


def _is_buriable(worker: Worker) -> bool:
    return worker.is_dead and len(worker.free) == LANES
