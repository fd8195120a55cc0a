"""Micro-batching: callers that come within a short delay share one run of the network.

The first caller leads: it waits for others, runs for all of them, and hands each its rows. No thread of its own.

    first caller ──opens a batch──> waits until it is full, or `max_delay` ──> runs ──> wakes the others
    next callers ──join it────────> wait for the leader
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.types import Tensors

Outputs = dict[str, NDArray[Any]]
Run = Callable[[Tensors], Outputs]
_Key = tuple[tuple[str, str, tuple[int, ...]], ...]


class _Batch:
    """Callers that run together. Fields are guarded by the batcher's lock until `closed`."""

    def __init__(self) -> None:
        self.parts: list[Tensors] = []
        self.ends: list[int] = []
        self.rows = 0
        self.full = threading.Event()
        self.done = threading.Event()
        self.outputs: Outputs = {}
        self.error: Exception | None = None
        self.run_started = 0.0

    def add(self, tensors: Tensors, rows: int) -> int:
        self.parts.append(tensors)
        self.rows += rows
        self.ends.append(self.rows)
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

    def run(self, tensors: Tensors, rows: int) -> tuple[Outputs, float, int]:
        """Gives the outputs for these rows, the seconds they waited for others, and the rows of the whole batch.

        The last is 0 for a caller that joined, so that each batch counts once.
        """
        started = perf_counter()
        key = tuple((name, values.dtype.str, values.shape[1:]) for name, values in sorted(tensors.items()))
        with self._lock:
            batch = self._open.get(key)
            leads = batch is None or batch.rows + rows > self._max_rows
            if batch is None or leads:
                if batch is not None:
                    batch.full.set()
                batch = self._open[key] = _Batch()
            index = batch.add(tensors, rows)
            if batch.rows >= self._max_rows:
                del self._open[key]
                batch.full.set()
        if leads:
            self._lead(key, batch)
        else:
            batch.done.wait()
        if batch.error is not None:
            raise batch.error
        return batch.part(index), max(0.0, batch.run_started - started), batch.rows if leads else 0

    def _lead(self, key: _Key, batch: _Batch) -> None:
        if not batch.full.is_set() and self._has_company():
            batch.full.wait(self._max_delay)
        with self._lock:
            if self._open.get(key) is batch:
                del self._open[key]
        try:
            batch.run_started = perf_counter()
            batch.outputs = self._run(_joined(batch.parts))
        except Exception as error:
            batch.error = error
        finally:
            batch.done.set()


def _joined(parts: list[Tensors]) -> Tensors:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
