"""Micro-batching: callers that come within a short delay share one run of the network.

The first caller leads: it waits for others, runs for all of them, and hands each its rows. No thread of its own.

    first caller ──opens a batch──> waits until it is full, or `max_delay` ──> runs ──> wakes the others
    next callers ──join it────────> wait for the leader ──deadline passes──> DeadlineExceeded; the batch goes on

A leader runs for those who joined even if its own deadline has passed meanwhile; nobody runs if everybody's has.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from math import inf
from time import monotonic, perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import DeadlineExceeded
from pipit.types import Tensors

Outputs = dict[str, NDArray[Any]]
Run = Callable[[Tensors], Outputs]
_Key = tuple[tuple[str, str, tuple[int, ...]], ...]


class _Batch:
    """Callers that run together. Fields are guarded by the batcher's lock until it is taken from `_open`."""

    def __init__(self) -> None:
        self.parts: list[Tensors] = []
        self.ends: list[int] = []
        self.rows = 0
        self.deadline = -inf
        """Of the caller who has most time."""
        self.full = threading.Event()
        self.done = threading.Event()
        self.outputs: Outputs = {}
        self.error: Exception | None = None
        self.run_started = 0.0

    def add(self, tensors: Tensors, rows: int, deadline: float) -> int:
        self.parts.append(tensors)
        self.rows += rows
        self.ends.append(self.rows)
        self.deadline = max(self.deadline, deadline)
        return len(self.ends) - 1

    def part(self, index: int) -> Outputs:
        """The rows of one caller."""
        begin = self.ends[index - 1] if index else 0
        return {name: values[begin : self.ends[index]] for name, values in self.outputs.items()}


class Batcher:
    """Collects rows of equal shape and type for `run`."""

    def __init__(self, run: Run, max_rows: int, max_delay: float, has_company: Callable[[], bool]) -> None:
        """max_delay: seconds that the first caller waits for others.

        has_company: whether anybody else could join; a caller that is alone runs at once.
        """
        self._run = run
        self._max_rows = max_rows
        self._max_delay = max_delay
        self._has_company = has_company
        self._lock = threading.Lock()
        self._open: dict[_Key, _Batch] = {}

    def run(self, tensors: Tensors, rows: int, deadline: float | None = None) -> tuple[Outputs, float, int]:
        """Gives the outputs for these rows, the seconds they waited for others, and the rows of the whole batch.

        The last is 0 for a caller that joined, so that each batch counts once.
        deadline: of the monotonic clock, in seconds. Raises DeadlineExceeded if it passes before the run, or while
        somebody else runs; and what the run raises, to each caller an exception of its own.
        """
        started = perf_counter()
        limit = inf if deadline is None else deadline
        key = tuple((name, values.dtype.str, values.shape[1:]) for name, values in sorted(tensors.items()))
        with self._lock:
            batch = self._open.get(key)
            leads = batch is None or batch.rows + rows > self._max_rows
            if batch is None or leads:
                if batch is not None:
                    batch.full.set()
                batch = self._open[key] = _Batch()
            index = batch.add(tensors, rows, limit)
            if batch.rows >= self._max_rows:
                del self._open[key]
                batch.full.set()
        if leads:
            self._lead(key, batch, limit)
        elif not batch.done.wait(_seconds_until(limit)):
            raise DeadlineExceeded("the deadline passed while the request ran with others; allow more time")
        if batch.error is not None:
            raise _copy_of(batch.error) from batch.error
        return batch.part(index), max(0.0, batch.run_started - started), batch.rows if leads else 0

    def _lead(self, key: _Key, batch: _Batch, limit: float) -> None:
        if not batch.full.is_set() and self._has_company():
            # Whoever has little time left spends no more than half of it on company.
            batch.full.wait(min(self._max_delay, _seconds_until(limit) / 2))
        with self._lock:
            if self._open.get(key) is batch:
                del self._open[key]
        is_late = limit <= monotonic()
        try:
            if batch.deadline <= monotonic():
                batch.error = DeadlineExceeded("the deadline passed before the network ran; allow more time")
            else:
                batch.run_started = perf_counter()
                batch.outputs = self._run(_joined(batch.parts))
        except Exception as error:
            batch.error = error
        except BaseException as error:
            batch.error = RuntimeError(f"the run was ended by {error!r}")
            raise
        finally:
            batch.done.set()
        if is_late:
            raise DeadlineExceeded("the deadline passed while the request waited for others; allow more time")


def _seconds_until(limit: float) -> float:
    return max(0.0, min(limit - monotonic(), threading.TIMEOUT_MAX))


def _copy_of(error: Exception) -> Exception:
    """Threads that raise one object write their traces into each other's."""
    try:
        own = copy.copy(error)
    except Exception:
        # Its constructor takes something else than its `args`.
        own = type(error).__new__(type(error), *error.args)
        own.__dict__.update(error.__dict__)
    return own


def _joined(parts: list[Tensors]) -> Tensors:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
