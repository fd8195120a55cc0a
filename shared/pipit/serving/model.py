"""One loaded version: what answers, and who still needs it.

serving ──acquire/release──> serving
   └──retire──> retired ──last release──> drained (on_drained is called) ──close──> freed
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import Input, TensorInput
from pipit.pipelines import Pipeline
from pipit.runtimes.base import Runtime
from pipit.serving.batching import Batcher
from pipit.serving.meters import ModelMeters
from pipit.serving.types import Identity
from pipit.types import Decoded, Tensors

Outputs = dict[str, NDArray[Any]]


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
    ) -> None:
        """batcher: None runs each caller's rows by themselves. free: closes every network; None: `runtime` alone.

        people: the names of those who are known, where the labels are people; None: the labels are the manifest's.

        most_rows: of a tensor that a caller sends for the network itself; None: any number.

        signed_by: as `Bundle.signer` says it.
        """
        self.identity = identity
        self.manifest = manifest
        self.pipeline = pipeline
        self.runtime = runtime
        self.meters = meters
        self.signed_by = signed_by
        self.names_people = people is not None
        self.labels: Collection[str] = frozenset(manifest.labels) if people is None else people
        self._batcher = batcher
        self._most_rows = most_rows
        self._free = free or runtime.close
        self._lock = threading.Lock()
        self._leases = 0
        self._retired = False
        self.on_drained: Callable[[], None] = lambda: None
        """Called once, by the thread that gives back the last lease after `retire`."""

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
        """A tensor that is an input of the network goes past the pipeline, as does one without a name.

        Its first axis, which may be left out for one row, is the batch. A tensor of another name is the pipeline's.
        Raises InvalidInput, InputTooLarge.
        """
        if not isinstance(item, TensorInput):
            return self.pipeline.decode(item)
        specs = self.runtime.inputs
        names = [spec.name for spec in specs]
        if item.name and item.name not in names:
            try:
                return self.pipeline.decode(item)
            except InvalidInput as error:
                raise InvalidInput(
                    f"tensor {item.name[:40]!r} is no input of the network, which takes {', '.join(names)}; {error}"
                ) from error
        if len(specs) != 1 and not item.name:
            raise InvalidInput(f"name the tensor: the network takes {', '.join(names)}")
        name = item.name or specs[0].name
        values = item.values
        if any(spec.name == name and values.ndim == len(spec.shape) for spec in specs):
            values = values[np.newaxis]
        if not values.ndim or not values.shape[0]:
            raise InvalidInput(f"tensor {name!r} of shape {values.shape} has no rows; send at least one")
        return Decoded({name: values}, (None,) * self.rows_of({name: values}))

    def rows_of(self, tensors: Tensors) -> int:
        """How many rows a caller sends for the network itself. Raises InvalidInput, InputTooLarge."""
        counts = {values.shape[0] if values.ndim else 0 for values in tensors.values()}
        if len(counts) != 1 or 0 in counts:
            raise InvalidInput("all tensors must have the same number of rows, at least one, as their first axis")
        rows = counts.pop()
        if self._most_rows is not None and rows > self._most_rows:
            raise InputTooLarge(f"{rows} rows in one request, the limit is {self._most_rows}; send them in parts")
        return rows

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
