"""A tiny task with a real network, which the tests of serving share: what it takes, computes and answers."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.answers import predict
from pipit.bundle import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.types import Decoded, Prediction, Tensors, TimeSpan

TASK = "test.tiny"
REQUEST = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[0.1, 0.2, 0.3, 0.4])))
LABELS = ("low", "middle", "high")
RATE = 8
"""Hz: a window is four samples, half a second."""
WINDOW = 4
TOO_MANY = 100


def network(sign: float) -> bytes:
    """Softmax of sign * x @ W; x has four features, W makes three scores of them."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) * np.float32(sign / 10)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["scores"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def slow_network() -> bytes:
    """Gives what `network(1.0)` gives, once it has computed four million sines: milliseconds on any processor."""
    model = onnx.load_model_from_string(network(1.0))
    graph = model.graph
    multiply, softmax = list(graph.node)
    softmax.input[0] = "shifted"
    nodes = [
        multiply,
        helper.make_node("Tile", ["x", "repeats"], ["wide"]),
        helper.make_node("Sin", ["wide"], ["sines"]),
        helper.make_node("ReduceMean", ["sines"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "nothing"], ["shift"]),
        helper.make_node("Add", ["logits", "shift"], ["shifted"]),
        softmax,
    ]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.append(numpy_helper.from_array(np.array([1, 1_000_000], np.int64), "repeats"))
    graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "nothing"))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def scores_of(values: NDArray[np.float32], sign: float = 1.0) -> NDArray[np.float32]:
    """What `network(sign)` gives, in numpy."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) * np.float32(sign / 10)
    logits = np.atleast_2d(values) @ weights
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


class Gate:
    """Holds callers inside `decode` until it is opened, and says how many are inside."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.inside = threading.Semaphore(0)

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def wait_entered(self, callers: int) -> None:
        for _ in range(callers):
            assert self.inside.acquire(timeout=120)

    def pass_through(self) -> None:
        self.inside.release()
        assert self._open.wait(120)


class TinyPipeline:
    """Takes four landmarks, a sequence of such, rows of tenfold ones, or PCM, of which every four samples are a row."""

    def __init__(self, manifest: Manifest, gate: Gate) -> None:
        self._labels, self._decision = manifest.labels, manifest.decision
        self._gate = gate

    def decode(self, item: Input) -> Decoded:
        if isinstance(item, EncodedImage) and item.data == b"held":
            self._gate.pass_through()
            return Decoded({"x": np.zeros((1, 4), np.float32)}, (None,))
        if isinstance(item, EncodedImage) and item.data == b"broken":
            raise RuntimeError("secret of the house")
        if isinstance(item, Landmarks):
            if len(item.values) > TOO_MANY:
                raise InputTooLarge(f"{len(item.values)} landmarks; send 4")
            if len(item.values) != 4:
                raise InvalidInput(f"{len(item.values)} landmarks; send 4")
            return Decoded({"x": item.values[np.newaxis]}, (None,))
        if isinstance(item, TensorInput) and item.name == "tenfold":
            return Decoded({"x": item.values / 10}, (None,) * len(item.values))
        if isinstance(item, InputSequence):
            rows = np.concatenate([self.decode(part).tensors["x"] for part in item.items])
            return Decoded({"x": rows}, (None,) * len(rows))
        if isinstance(item, PcmAudio):
            decoded = TinyStream().push(item)
            return decoded or Decoded({"x": np.empty((0, 4), np.float32)}, ())
        raise InvalidInput(f"this task can't take a {type(item).__name__}; send landmarks")

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        if not decoded.regions:
            return []
        return [
            predict(row, self._labels, self._decision, region)
            for row, region in zip(outputs["scores"], decoded.regions, strict=True)
        ]

    def open_stream(self) -> TinyStream:
        return TinyStream()


class TinyStream:
    """Cuts a recording into rows of four samples; `finish` pads what remains with zeros."""

    def __init__(self) -> None:
        self._rest = np.empty(0, np.float32)
        self._heard = 0
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        return isinstance(item, PcmAudio)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        assert isinstance(item, PcmAudio)
        if not np.isfinite(item.samples).all():
            raise InvalidInput("the recording holds a sample that is no number")
        self.seconds += len(item.samples) / item.sample_rate
        self._rest = np.concatenate([self._rest, item.samples[:, 0]])
        rows = len(self._rest) // WINDOW
        return self._take(rows) if rows else None

    def finish(self) -> Decoded | None:
        if not len(self._rest):
            return None
        self._rest = np.pad(self._rest, (0, WINDOW - len(self._rest)))
        return self._take(1)

    def _take(self, rows: int) -> Decoded:
        values, self._rest = self._rest[: rows * WINDOW].reshape(rows, WINDOW), self._rest[rows * WINDOW :]
        seconds = WINDOW / RATE
        spans = tuple(TimeSpan((self._heard + i) * seconds, (self._heard + i + 1) * seconds) for i in range(rows))
        self._heard += rows
        return Decoded({"x": values}, spans)


class PairsPipeline(TinyPipeline):
    """Its streams follow landmarks: the mean of every two is a row, whose span begins where the one before ended.

    They come one a second, where nothing else is said. PCM is answered by itself.
    """

    def open_stream(self) -> Any:
        return PairStream()


class PairStream:
    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._begun = 0.0
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        return isinstance(item, Landmarks)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        assert isinstance(item, Landmarks)
        if len(item.values) != 4:
            raise InvalidInput(f"{len(item.values)} landmarks; send 4")
        begun = self.seconds
        self.seconds = begun + 1.0 if seconds is None else seconds
        last, self._last = self._last, item.values
        if last is None:
            self._begun = begun
            return None
        self._last = None
        return Decoded({"x": (last + item.values)[np.newaxis] / 2}, (TimeSpan(self._begun, self.seconds),))

    def finish(self) -> Decoded | None:
        return None


PIPELINES: dict[str, type[TinyPipeline]] = {"test.tiny": TinyPipeline, "test.pairs": PairsPipeline}
