"""A bundle's whole way from an input to its answers, as a server goes it, without the server: for whoever measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from pipit.bundle.reader import Bundle
from pipit.inputs import Input
from pipit.pipelines.base import Pipeline
from pipit.pipelines.networks import open_pipeline
from pipit.runtimes import Runtime, load_runtime
from pipit.types import Decoded, Prediction


@dataclass(frozen=True, slots=True)
class Served:
    """decode -> run -> interpret. runtime: of the task's own network."""

    pipeline: Pipeline
    runtime: Runtime

    def answer(self, item: Input) -> list[Prediction]:
        """Of one input; none where nothing is found in it. Raises InvalidInput, InputTooLarge."""
        return self._interpreted(self.pipeline.decode(item))

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
