"""LiteRT (.tflite)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from pipit.errors import InvalidInput, Unavailable
from pipit.runtimes.base import TensorSpec
from pipit.runtimes.quantization import Quantization
from pipit.runtimes.tensors import ANY_SIZE, check_tensors
from pipit.types import Tensors

Details = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Port:
    """One input or output: what callers see, and where and how the interpreter holds it."""

    spec: TensorSpec
    index: int
    has_row_axis: bool
    quantization: Quantization | None

    def to_network(self, row: NDArray[Any]) -> NDArray[Any]:
        values = row if self.quantization is None else self.quantization.quantize(row)
        return np.ascontiguousarray(values[np.newaxis])

    def from_network(self, values: NDArray[Any]) -> NDArray[Any]:
        row = values[0] if self.has_row_axis else values
        return row if self.quantization is None else self.quantization.dequantize(row)


class _Instance:
    """One interpreter, and the sizes of inputs that its memory is laid out for."""

    def __init__(self, path: Path, threads: int) -> None:
        self.interpreter = Interpreter(str(path), num_threads=threads)
        self._sizes: dict[int, tuple[int, ...]] | None = None

    def fit(self, sizes: dict[int, tuple[int, ...]]) -> None:
        """sizes: shapes by the index of the input, row axis included. Raises RuntimeError if they can't be."""
        if sizes == self._sizes:
            return
        self._sizes = None
        for index, shape in sizes.items():
            self.interpreter.resize_tensor_input(index, shape)
        self.interpreter.allocate_tensors()
        self._sizes = sizes


class LiteRTRuntime:
    """A pool of interpreters, because one serves a single caller at a time.

    Rows run one after the other: a batch took as long per row as single rows did (convolutions, float and int8).
    Inputs and outputs bear the names of the file's signature, or of its tensors where it has none.
    """

    batches = False

    def __init__(self, path: Path, threads: int = 1, instances: int = 1) -> None:
        """Raises InvalidInput."""
        self._threads = threads
        with _naming(path):
            first = _Instance(path, threads)
            self._inputs, self._outputs = _ports(first.interpreter, path.name)
        self.inputs = tuple(port.spec for port in self._inputs)
        self.outputs = tuple(port.spec for port in self._outputs)
        self._instances = 0
        self._closed = False
        self._closing = threading.Lock()
        # Last in, first out: the interpreter whose memory is still in the caches. None: there are no more.
        self._pool: queue.LifoQueue[_Instance | None] = queue.LifoQueue()
        with _naming(path):
            self._add([first, *(_Instance(path, threads) for _ in range(instances - 1))])

    def grow(self, path: Path, instances: int) -> None:
        """See `Interpreters`. Not for two threads at once, and not after `close`."""
        with _naming(path):
            self._add([_Instance(path, self._threads) for _ in range(instances - self._instances)])

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """See `Runtime`. Waits for a free interpreter. Raises Unavailable after `close`."""
        rows = check_tensors(tensors, self.inputs)
        with self._borrowed() as instance:
            answers = [self._run_row(instance, tensors, row) for row in range(rows)]
        if rows == 1:
            # Nothing is copied once more for the usual case.
            return {port.spec.name: answer[np.newaxis] for port, answer in zip(self._outputs, answers[0], strict=True)}
        return {
            port.spec.name: np.stack([answer[position] for answer in answers])
            for position, port in enumerate(self._outputs)
        }

    def close(self) -> None:
        """Waits for runs that are under way; those that wait for an interpreter get none."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        for _ in range(self._instances):
            self._pool.get()
        self._pool.put(None)

    def _add(self, instances: list[_Instance]) -> None:
        if all(ANY_SIZE not in spec.shape for spec in self.inputs):
            for instance in instances:
                instance.fit({port.index: (1, *port.spec.shape) for port in self._inputs})
        self._instances += len(instances)
        for instance in instances:
            self._pool.put(instance)

    @contextmanager
    def _borrowed(self) -> Iterator[_Instance]:
        instance = self._pool.get()
        try:
            if instance is None or self._closed:
                raise Unavailable("the network has been closed; ask again")
            yield instance
        finally:
            self._pool.put(instance)

    def _run_row(self, instance: _Instance, tensors: Tensors, row: int) -> list[NDArray[Any]]:
        values = {port.index: port.to_network(tensors[port.spec.name][row]) for port in self._inputs}
        try:
            instance.fit({index: value.shape for index, value in values.items()})
        except RuntimeError as error:
            sizes = ", ".join(f"{spec.name} {tensors[spec.name].shape[1:]}" for spec in self.inputs)
            raise InvalidInput(f"the network can't take inputs of these sizes: {sizes}") from error
        interpreter = instance.interpreter
        for index, value in values.items():
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        # get_tensor copies: nothing given out refers into the interpreter.
        return [port.from_network(interpreter.get_tensor(port.index)) for port in self._outputs]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns what LiteRT raises on a file that it can't run into InvalidInput."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise InvalidInput(f"{path.name} is not a model that LiteRT can run: {error}") from error


def _ports(interpreter: Interpreter, file: str) -> tuple[list[_Port], list[_Port]]:
    if len(interpreter.get_signature_list()) == 1:
        runner = interpreter.get_signature_runner()
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
    else:
        inputs = {detail["name"]: detail for detail in interpreter.get_input_details()}
        outputs = {detail["name"]: detail for detail in interpreter.get_output_details()}
    for name, detail in inputs.items():
        if not len(detail["shape"]) or detail["shape"][0] != 1:
            raise InvalidInput(f"input {name!r} of {file} has no batch axis of 1 or any size; export it with one")
    return [_port(name, detail) for name, detail in inputs.items()], [
        _port(name, detail) for name, detail in outputs.items()
    ]


def _port(name: str, detail: Details) -> _Port:
    shape = tuple(int(size) for size in detail["shape_signature"])
    has_row_axis = bool(shape) and shape[0] in (1, ANY_SIZE)
    dtype = np.dtype(detail["dtype"]).name
    scale, zero_point = detail["quantization"]
    quantized = scale > 0.0 and np.issubdtype(detail["dtype"], np.integer)
    return _Port(
        spec=TensorSpec(name, shape[1:] if has_row_axis else shape, "float32" if quantized else dtype),
        index=int(detail["index"]),
        has_row_axis=has_row_axis,
        quantization=Quantization(float(scale), int(zero_point), dtype) if quantized else None,
    )
