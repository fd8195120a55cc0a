"""A bundle's whole way from an input to its answers: for servers, their workers, and whoever measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import monotonic, perf_counter

import numpy as np

from pipit.bundle.reader import Bundle
from pipit.errors import DeadlineExceeded, InputTooLarge, InvalidInput
from pipit.inputs import Input, TensorInput
from pipit.pipelines.base import Pipeline
from pipit.pipelines.networks import open_pipeline
from pipit.runtimes import Runtime, load_runtime
from pipit.types import Decoded, Prediction, StageTimes, Tensors


@dataclass(frozen=True, slots=True)
class Served:
    """decode -> run -> interpret. runtime: of the task's own network."""

    pipeline: Pipeline
    runtime: Runtime

    def decode(self, item: Input, most_rows: int | None = None) -> Decoded:
        """A tensor that is an input of the network goes past the pipeline, as does one without a name.

        Its first axis, which may be left out for one row, is the batch. A tensor of another name is the pipeline's.
        most_rows: of such a tensor; None: any number. Raises InvalidInput, InputTooLarge.
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
        tensors = {name: values}
        return Decoded(tensors, (None,) * rows_of(tensors, most_rows))

    def answer(self, item: Input) -> list[Prediction]:
        """Of one input; none where nothing is found in it. Raises InvalidInput, InputTooLarge."""
        return self._interpreted(self.pipeline.decode(item))

    def answer_timed(
        self, item: Input, deadline: float | None = None, most_rows: int | None = None
    ) -> tuple[list[Prediction], StageTimes, int]:
        """The same, with the seconds that each stage took and the rows that the network ran over.

        deadline: of the monotonic clock, in seconds. most_rows: see `decode`.
        Raises InvalidInput, InputTooLarge; DeadlineExceeded if the deadline passes before the network runs.
        """
        begun = perf_counter()
        decoded = self.decode(item, most_rows)
        check_deadline(deadline)
        ready = perf_counter()
        rows = len(decoded.regions)
        outputs = self.runtime.run(decoded.tensors) if rows else {}
        ran = perf_counter()
        predictions = self.pipeline.interpret(outputs, decoded)
        return predictions, StageTimes(ready - begun, 0.0, ran - ready, perf_counter() - ran), rows

    def stream(self, items: Iterable[Input]) -> Iterator[Prediction]:
        """Of one continuous recording in pieces; of a task that follows nothing over time, one by one."""
        stream = self.open_stream()
        for item in items:
            yield from stream.push(item)
        yield from stream.finish()

    def open_stream(self) -> ServedStream:
        """For inputs that come one by one."""
        return ServedStream(self)

    def interpret(self, decoded: Decoded | None) -> list[Prediction]:
        """Of what a decoder gave; nothing where it gave nothing."""
        return [] if decoded is None else self._interpreted(decoded)

    def _interpreted(self, decoded: Decoded) -> list[Prediction]:
        outputs = self.runtime.run(decoded.tensors) if decoded.regions else {}
        return self.pipeline.interpret(outputs, decoded)


def rows_of(tensors: Tensors, most_rows: int | None = None) -> int:
    """How many rows a caller sends for the network itself. Raises InvalidInput, InputTooLarge."""
    counts = {values.shape[0] if values.ndim else 0 for values in tensors.values()}
    if len(counts) != 1 or 0 in counts:
        raise InvalidInput("all tensors must have the same number of rows, at least one, as their first axis")
    rows = counts.pop()
    if most_rows is not None and rows > most_rows:
        raise InputTooLarge(f"{rows} rows in one request, the limit is {most_rows}; send them in parts")
    return rows


def check_deadline(deadline: float | None) -> None:
    """Between decoding and running, which costs most. Raises DeadlineExceeded."""
    if deadline is not None and deadline <= monotonic():
        raise DeadlineExceeded("the deadline passed before the network ran; allow more time")


class ServedStream:
    """One continuous recording, as `ClassifyStream` follows it. Not for several threads."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._stream = served.pipeline.open_stream()

    def push(self, item: Input, seconds: float | None = None) -> list[Prediction]:
        """Answers what the input makes ready. seconds: when it was taken. Raises InvalidInput, InputTooLarge."""
        if self._stream is None or not self._stream.takes(item):
            return self._served.answer(item)
        return self._served.interpret(self._stream.push(item, seconds))

    def finish(self) -> list[Prediction]:
        """What remains."""
        return [] if self._stream is None else self._served.interpret(self._stream.finish())


@contextmanager
def serve_bundle(bundle: Bundle, variant: str | None = None, threads: int = 1) -> Iterator[Served]:
    """Opens the bundle's pipeline and networks; closes them at the end. variant: the default one where None.

    Raises NotFound, InvalidInput as `load_runtime` does.
    """
    chosen = bundle.manifest.variant(variant)
    with (
        open_pipeline(bundle, threads) as pipeline,
        closing(load_runtime(bundle.weights(chosen.name), chosen.runtime, threads=threads)) as runtime,
    ):
        yield Served(pipeline, runtime)
