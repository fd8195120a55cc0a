"""Where the time of an empty `Classify` goes: each part of the way by itself, in loops on one thread, without a socket.

A profiler would double the time of such short parts. The server and its model are those of `empty_server.py`: all parts
of Pipit, a pipeline that gives a constant, and a network that copies one number. Parts that are indented belong to the
one above them. What threads cost each other is not in here: `bench_empty_classify.py` has it.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
from empty_server import METHOD, TASK, NothingPipeline, nothing_bundle
from grpc import _interceptor
from measure import write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.serving import codec
from pipit.serving.inference_servicer import InferenceServicer, deadline_of
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

REQUEST = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0])))
Part = Callable[[], object]


class Context:
    """What the servicer asks of grpcio's."""

    def time_remaining(self) -> float:
        """Seconds: no deadline."""
        return 1e10

    def is_active(self) -> bool:
        """The client is there."""
        return True

    def code(self) -> None:
        """No status was set."""


class Details:
    """What interceptors are told of a call."""

    method = METHOD
    invocation_metadata = (("user-agent", "grpc-python/1.85.1"),)


def doors(server: InferenceServer) -> tuple[Callable[[], Any], Any]:
    """Asks all interceptors for the handler, as grpcio does with each call; and gives what is behind them."""
    state = server._listener._server._state  # type: ignore[attr-defined]
    handler = state.registered_method_handlers[METHOD]
    pipeline: _interceptor._ServicePipeline = state.interceptor_pipeline
    return lambda: pipeline.execute(lambda details: handler, Details()), pipeline.execute(lambda _: handler, Details())


def parts(server: InferenceServer) -> dict[str, Part]:
    """By name, outermost first."""
    plane = server.plane
    model = plane.hosts[TASK].current
    assert model is not None
    data, context, servicer = REQUEST.SerializeToString(), Context(), InferenceServicer(plane)
    request = pb.ClassifyRequest.FromString(data)
    item, selector = codec.input_from_message(request.input), codec.selector_from_message(request)
    answer = plane.classify(item, selector)
    decoded, response = model.decode(item), codec.answer_to_message(answer, "abcdefgh-12")
    ask, guarded = doors(server)
    counts = plane.counts[TASK]

    def turn() -> None:
        with plane.admission.turn(None, None):
            pass

    return {
        "interceptors": ask,
        "parsing": lambda: guarded.request_deserializer(data),
        "the call": lambda: guarded.unary_unary(request, context),
        "  servicer": lambda: servicer.Classify(request, context),
        "    input": lambda: codec.input_from_message(request.input),
        "    selector, options, deadline": lambda: (
            codec.selector_from_message(request),
            codec.options_from_message(request),
            deadline_of(context),  # type: ignore[arg-type]
        ),
        "    data plane": lambda: plane.classify(item, selector),
        "      admission and memory": turn,
        "      lease": lambda: plane.hosts[TASK].lease().release(),
        "      decoding": lambda: model.decode(item),
        "      run": lambda: model.run(decoded.tensors, 1),
        "        runtime": lambda: model.runtime.run(decoded.tensors),
        "      metrics": lambda: model.meters.answered(answer.times, answer.predictions),
        "      counts for the registry": lambda: counts.of(model).answered(answer.times.total, answer.predictions),
        "    remembering for feedback": lambda: plane.remember("abcdefgh-12", answer),
        "    message": lambda: codec.answer_to_message(answer, "abcdefgh-12"),
        "serializing": response.SerializeToString,
    }


def microseconds(part: Part, rounds: int, calls: int) -> list[float]:
    """Of one call, for each round."""
    for _ in range(calls):
        part()
    taken = []
    for _ in range(rounds):
        begun = perf_counter()
        for _ in range(calls):
            part()
        taken.append((perf_counter() - begun) / calls * 1e6)
    return taken


def read_before(path: Path) -> dict[str, float]:
    """The least times of an earlier CSV of this benchmark."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return {row["part"]: float(row["least"]) for row in csv.DictReader(lines)}


def main() -> None:
    """Measures, and writes docs/measured/call_parts.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=2000, help="calls of each round")
    parser.add_argument("--before", type=Path, help="CSV of the same on other code, to stand beside")
    options = parser.parse_args()
    before = read_before(options.before) if options.before is not None else {}
    with tempfile.TemporaryDirectory() as folder:
        settings = ServingSettings(
            bundle=(nothing_bundle(Path(folder)),), port=0, metrics_port=0, concurrency=2, cache_dir=Path(folder)
        )
        server = InferenceServer(settings, NothingPipeline)
        server.start()
        while not server.plane.is_ready:
            Event().wait(0.01)
        rows = []
        pool = server._listener._server._state.thread_pool  # type: ignore[attr-defined]
        for name, part in parts(server).items():
            taken = microseconds(part, options.rounds, options.calls)
            row: dict[str, object] = {"part": name, "us": round(float(np.median(taken)), 2)}
            row["least"] = round(min(taken), 2)
            row["least_before"] = before.get(name, "")
            row["samples"] = options.rounds * options.calls
            rows.append(row)
        # What the interceptors said is to come never came.
        pool._next = ""
        server.stop(1.0)
    write_csv("call_parts", rows, ("grpcio", "protobuf", "numpy", "onnxruntime"))


if __name__ == "__main__":
    main()
