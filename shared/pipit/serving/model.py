"""One loaded version: what answers, and who still needs it.

serving ──acquire/release──> serving
   └──retire──> retired ──last release──> drained (on_drained is called) ──close──> freed
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from math import inf
from typing import Any

from numpy.typing import NDArray

from pipit.bundle.manifest import Manifest
from pipit.inputs import Input
from pipit.pipelines import Pipeline
from pipit.pipelines.served import Served, rows_of
from pipit.runtimes.base import Runtime
from pipit.serving.batching import Batcher
from pipit.serving.meters import ModelMeters
from pipit.serving.types import Identity
from pipit.types import Decoded, Tensors
from pipit.workers.messages import Open

Outputs = dict[str, NDArray[Any]]
_LONG = 0.001
"""Seconds. At half a millisecond a second process answered 3 to 9 % fewer calls a second, at four 42 to 59 % more."""
_FORGETTING = 1.01
"""A time that never comes again is doubled after 70 calls."""


class LoadedModel:
    """A bundle's pipeline and networks, ready to answer. Threads share it; each takes a lease."""

    def __init__(
        self,
        identity: Identity,
        manifest: Manifest,
        pipeline: Pipeline,
        runtime: Runtime,
        meters: ModelMeters,
        batcher: Batcher | None = None,
        free: Callable[[], None] | None = None,
        people: Collection[str] | None = None,
        most_rows: int | None = None,
        signed_by: str = "unsigned",
        elsewhere: Open | None = None,
    ) -> None:
        """batcher: None runs each caller's rows by themselves. free: closes every network; None: `runtime` alone.

        people: the names of those who are known, where the labels are people; None: the labels are the manifest's.

        most_rows: of a tensor that a caller sends for the network itself; None: any number.

        signed_by: as `Bundle.signer` says it.

        elsewhere: how a worker opens the same; None: only this process answers.
        """
        self.identity = identity
        self.manifest = manifest
        self.pipeline = pipeline
        self.runtime = runtime
        self.meters = meters
        self.signed_by = signed_by
        self.elsewhere = elsewhere
        self.names_people = people is not None
        self.labels: Collection[str] = frozenset(manifest.labels) if people is None else people
        self._served = Served(pipeline, runtime)
        self._batcher = batcher
        self._most_rows = most_rows
        self._free = free or runtime.close
        self._lock = threading.Lock()
        self._leases = 0
        self._retired = False
        self._least: dict[type, float] = {}
        self.on_drained: Callable[[], None] = lambda: None
        """Called once, by the thread that gives back the last lease after `retire`."""

    def took(self, kind: type, seconds: float) -> None:
        """Remembers how long this process took for an input of a kind, alone on its core or not."""
        # The least of late: what a computation takes while others hold the interpreter's lock says nothing of it.
        self._least[kind] = min(self._least.get(kind, inf) * _FORGETTING, seconds)

    def is_long(self, kind: type) -> bool:
        """Whether an input of a kind takes so long that another process gains more than the way there costs."""
        return self._least.get(kind, 0.0) >= _LONG

    def acquire(self) -> bool:
        """Takes a lease, which `release` gives back. False: retired; ask for the version that came after."""
        with self._lock:
            if self._retired:
                return False
            self._leases += 1
            return True

    def release(self) -> None:
        """Gives a lease back."""
        with self._lock:
            self._leases -= 1
            drained = self._retired and not self._leases
        if drained:
            self.on_drained()

    def retire(self) -> None:
        """No new leases from here on."""
        with self._lock:
            self._retired = True
            drained = not self._leases
        if drained:
            self.on_drained()

    @property
    def is_drained(self) -> bool:
        """Retired, and nobody holds a lease."""
        with self._lock:
            return self._retired and not self._leases

    def close(self) -> None:
        """Frees the networks. Only once drained."""
        self._free()

    def decode(self, item: Input) -> Decoded:
        """See `Served.decode`."""
        return self._served.decode(item, self._most_rows)

    def rows_of(self, tensors: Tensors) -> int:
        """How many rows a caller sends for the network itself. Raises InvalidInput, InputTooLarge."""
        return rows_of(tensors, self._most_rows)

    def run(self, tensors: Tensors, rows: int, deadline: float | None = None) -> tuple[Outputs, float]:
        """Runs the network; gives its outputs, and the seconds that the rows waited for a batch to fill.

        deadline: of the monotonic clock, in seconds; ends the wait for others, but not a run.
        Raises InvalidInput for tensors that do not fit, DeadlineExceeded.
        """
        if not rows:
            return {}, 0.0
        if self._batcher is None:
            self.meters.batch_rows.observe(rows)
            return self.runtime.run(tensors), 0.0
        outputs, waited, batch = self._batcher.run(tensors, rows, deadline)
        if batch:
            self.meters.batch_rows.observe(batch)
        return outputs, waited
