"""LiteRT (.tflite)."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from pipit.errors import InvalidInput, Unavailable
from pipit.pipelines import Tensors
from pipit.runtimes.base import TensorSpec
from pipit.runtimes.quantization import Quantization
from pipit.runtimes.tensors import ANY_SIZE, check_tensors

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


class LiteRTRuntime:
    """A pool of interpreters, because one serves a single caller at a time.

    Rows run one after the other: a batch took as long per row as single rows did (convolutions, float and int8).
    Inputs and outputs bear the names of the file's signature, or of its tensors where it has none.
    """

    batches = False

    def __init__(self, path: Path, threads: int = 1, instances: int = 1) -> None:
        """Raises InvalidInput."""
        try:
            interpreters = [_allocated(path, threads) for _ in range(instances)]
        except (ValueError, RuntimeError) as error:
            raise InvalidInput(f"{path.name} is not a model that LiteRT can run: {error}") from error
        self._inputs, self._outputs = _ports(interpreters[0], path.name)
        self.inputs = tuple(port.spec for port in self._inputs)
        self.outputs = tuple(port.spec for port in self._outputs)
        self._instances = instances
        # Last in, first out: the interpreter whose memory is still in the caches. None: closed.
        self._pool: queue.LifoQueue[Interpreter | None] = queue.LifoQueue()
        for interpreter in interpreters:
            self._pool.put(interpreter)

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """See `Runtime`. Waits for a free interpreter. Raises Unavailable after `close`."""
        rows = check_tensors(tensors, self.inputs)
        with self._borrowed() as interpreter:
            answers = [self._run_row(interpreter, tensors, row) for row in range(rows)]
        return {
            port.spec.name: np.stack([answer[position] for answer in answers])
            for position, port in enumerate(self._outputs)
        }

    def close(self) -> None:
        """Waits for runs that are under way."""
        for _ in range(self._instances):
            if self._pool.get() is None:
                break
        self._pool.put(None)

    @contextmanager
    def _borrowed(self) -> Iterator[Interpreter]:
        interpreter = self._pool.get()
        try:
            if interpreter is None:
                raise Unavailable("the network has been closed; ask again")
            yield interpreter
        finally:
            self._pool.put(interpreter)

    def _run_row(self, interpreter: Interpreter, tensors: Tensors, row: int) -> list[NDArray[Any]]:
        values = [port.to_network(tensors[port.spec.name][row]) for port in self._inputs]
        self._fit_sizes(interpreter, values)
        for port, value in zip(self._inputs, values, strict=True):
            interpreter.set_tensor(port.index, value)
        interpreter.invoke()
        # get_tensor copies: nothing given out refers into the interpreter.
        return [port.from_network(interpreter.get_tensor(port.index)) for port in self._outputs]

    def _fit_sizes(self, interpreter: Interpreter, values: list[NDArray[Any]]) -> None:
        if all(ANY_SIZE not in spec.shape for spec in self.inputs):
            return
        held = {detail["index"]: tuple(detail["shape"]) for detail in interpreter.get_input_details()}
        if all(held[port.index] == value.shape for port, value in zip(self._inputs, values, strict=True)):
            return
        try:
            self._resize(interpreter, {port.index: v.shape for port, v in zip(self._inputs, values, strict=True)})
        except RuntimeError as error:
            self._resize(interpreter, held)
            sizes = ", ".join(str(value.shape[1:]) for value in values)
            raise InvalidInput(f"the network can't take inputs of the sizes {sizes}; send larger ones") from error

    @staticmethod
    def _resize(interpreter: Interpreter, shapes: Mapping[int, tuple[int, ...]]) -> None:
        for index, shape in shapes.items():
            interpreter.resize_tensor_input(index, shape)
        interpreter.allocate_tensors()


def _allocated(path: Path, threads: int) -> Interpreter:
    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


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
