"""ONNX Runtime (.onnx)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from pipit.errors import InvalidInput, Unavailable
from pipit.runtimes.base import TensorSpec
from pipit.runtimes.tensors import ANY_SIZE, check_tensors
from pipit.types import Tensors

DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
NO_MODEL = (
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoSuchFile,
    errors.NotImplemented,
    errors.RuntimeException,
)


class OnnxRuntime:
    """One session, which any number of threads may run at the same time, so `instances` changes nothing.

    A batch axis of any size runs all rows at once; one of 1 runs them one after the other.
    """

    def __init__(self, path: Path, threads: int = 1, instances: int = 1) -> None:
        """Raises InvalidInput."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin while they wait for work take the cores that other callers' runs need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except NO_MODEL as error:
            raise InvalidInput(f"{path.name} is not a model that ONNX Runtime can run: {error}") from error
        self._session: onnxruntime.InferenceSession | None = session
        self.batches = all(_sizes(node)[:1] == (ANY_SIZE,) for node in session.get_inputs())
        for node in session.get_inputs():
            if _sizes(node)[:1] not in ((ANY_SIZE,), (1,)):
                raise InvalidInput(
                    f"input {node.name!r} of {path.name} has no batch axis of 1 or any size; export it with one"
                )
        self.inputs = tuple(_spec(node, path.name) for node in session.get_inputs())
        self.outputs = tuple(_spec(node, path.name) for node in session.get_outputs())
        self._names = [spec.name for spec in self.outputs]

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """See `Runtime`. Raises Unavailable after `close`."""
        rows = check_tensors(tensors, self.inputs)
        session = self._session
        if session is None:
            raise Unavailable("the network has been closed; ask again")
        if self.batches:
            outputs = self._run_session(session, tensors)
        else:
            singles = [
                self._run_session(session, {name: values[row : row + 1] for name, values in tensors.items()})
                for row in range(rows)
            ]
            outputs = [np.concatenate(parts) for parts in zip(*singles, strict=True)]
        found = {}
        for spec, values in zip(self.outputs, outputs, strict=True):
            if values.shape[:1] != (rows,):
                raise InvalidInput(
                    f"output {spec.name!r} has the shape {values.shape} for {rows} rows; export it with a batch axis"
                )
            found[spec.name] = values
        return found

    def grow(self, path: Path, instances: int) -> None:
        """See `Interpreters`: one session serves any number."""

    def close(self) -> None:
        """Runs that are under way end first; the last of them frees the network."""
        self._session = None

    def _run_session(self, session: onnxruntime.InferenceSession, feed: Tensors) -> list[NDArray[Any]]:
        try:
            outputs: list[NDArray[Any]] = session.run(self._names, feed)
        except (errors.InvalidArgument, errors.RuntimeException, errors.Fail) as error:
            if not any(ANY_SIZE in spec.shape for spec in self.inputs):
                raise
            sizes = ", ".join(f"{name} {values.shape[1:]}" for name, values in feed.items())
            raise InvalidInput(f"the network can't take inputs of these sizes: {sizes}") from error
        return outputs


def _sizes(node: onnxruntime.NodeArg) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else ANY_SIZE for size in node.shape)


def _spec(node: onnxruntime.NodeArg, file: str) -> TensorSpec:
    if node.type not in DTYPES:
        raise InvalidInput(f"{node.name!r} of {file} is {node.type}; export plain tensors (scikit-learn: zipmap=False)")
    return TensorSpec(node.name, _sizes(node)[1:], DTYPES[node.type])
