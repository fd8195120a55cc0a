"""What serving costs: decode + run + interpret in one process, against `Classify` on loopback, side by side.

Latency is taken by turns, one call each, of one caller. Throughput is taken by turns too, with as many threads as cores
in the process, and with 1, 4 and 16 callers on loopback; callers share the cores with the server.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import grpc
import numpy as np
from measure import milliseconds, side_by_side, write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import open_bundle
from pipit.bundle.golden import read_golden
from pipit.bundle.manifest import GOLDEN_FILE
from pipit.inputs import EncodedAudio
from pipit.pipelines import load_pipeline
from pipit.runtimes import load_runtime
from servers import TASK, arguments, inference_server

CALLERS = (1, 4, 16)


def in_process(bundle_path: Path, variant: str, clips: list[bytes], threads: int) -> Callable[[int], object]:
    """The whole way of clip number i, without a wire."""
    bundle = open_bundle(bundle_path)
    pipeline = load_pipeline(bundle.manifest)
    chosen = bundle.manifest.variant(variant)
    runtime = load_runtime(bundle.weights(chosen.name), chosen.runtime, threads=1, instances=threads)

    def call(number: int) -> object:
        decoded = pipeline.decode(EncodedAudio(clips[number % len(clips)]))
        return pipeline.interpret(runtime.run(decoded.tensors), decoded)

    return call


def over_loopback(address: str, clips: list[bytes]) -> Callable[[int], object]:
    """The same by `Classify`, over one channel."""
    stub = inference_pb2_grpc.InferenceServiceStub(grpc.insecure_channel(address))
    requests = [pb.ClassifyRequest(model=pb.ModelSelector(task=TASK), input=pb.Input(audio=clip)) for clip in clips]
    return lambda number: stub.Classify(requests[number % len(requests)], timeout=60)


def throughput(call: Callable[[int], object], callers: int, seconds: float) -> float:
    """Calls a second that `callers` threads make together."""
    stop = threading.Event()

    def loop(first: int) -> int:
        done = 0
        while not stop.is_set():
            call(first + done)
            done += 1
        return done

    with ThreadPoolExecutor(callers) as pool:
        begun = perf_counter()
        loops = [pool.submit(loop, caller) for caller in range(callers)]
        stop.wait(seconds)
        stop.set()
        done = sum(future.result() for future in loops)
        return done / (perf_counter() - begun)


def main() -> None:
    """Measures, and writes docs/measured/serving_overhead.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--variant", default="", help="variant of the weights; empty: the bundle's default")
    parser.add_argument("--calls", type=int, default=400, help="calls of each way for the latency")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each way for the throughput")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round")
    options = parser.parse_args()
    clips = [s.item.data for s in read_golden(options.bundle / GOLDEN_FILE) if isinstance(s.item, EncodedAudio)]
    cores = len(os.sched_getaffinity(0))
    variant = options.variant or open_bundle(options.bundle).manifest.default_variant
    local = in_process(options.bundle, variant, clips, cores)
    with inference_server("--bundle", str(options.bundle), "--variant", variant, "--concurrency", str(cores)) as (
        _,
        address,
    ):
        remote = over_loopback(address, clips)
        latency = side_by_side({"in process": lambda: local(0), "Classify": lambda: remote(0)}, options.calls)
        ways = {
            f"in process, {cores} threads": (local, cores),
            **{f"Classify, {n} callers": (remote, n) for n in CALLERS},
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, (call, callers) in ways.items():
                rates[name].append(throughput(call, callers, options.seconds))
    overhead = latency["Classify"] - latency["in process"]
    rows = [
        {
            "what": f"latency, {name}",
            "unit": "ms",
            "median": milliseconds(values, 50),
            "p95": milliseconds(values, 95),
            "ratio": "",
            "samples": len(values),
        }
        for name, values in latency.items()
    ]
    rows.append(
        {
            "what": "latency, overhead of Classify (paired)",
            "unit": "ms",
            "median": milliseconds(overhead, 50),
            "p95": milliseconds(overhead, 95),
            "ratio": "",
            "samples": len(overhead),
        }
    )
    base = np.array(rates[f"in process, {cores} threads"])
    for name, values in rates.items():
        ratio = float(np.median(np.array(values) / base))
        rows.append(
            {
                "what": f"throughput, {name}",
                "unit": "calls/s",
                "median": round(float(np.median(values)), 1),
                "p95": "",
                "ratio": round(ratio, 3),
                "samples": len(values),
            }
        )
    write_csv("serving_overhead", rows)


if __name__ == "__main__":
    main()
