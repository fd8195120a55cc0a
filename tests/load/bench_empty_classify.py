"""What `Classify` costs when there is nothing to do, driven by h2load (Debian: nghttp2-client).

One core serves, the other drives. Beside it a bare grpcio server, so that the share of Pipit's own parts shows. Then
both, with all cores for both sides.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import numpy as np
from measure import write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from servers import free_port, process, wait_until_serving

SERVER = Path(__file__).with_name("empty_server.py")
METHOD = "/pipit.inference.v1.InferenceService/Classify"
REQUEST = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0])))
CLIENTS = 8


@contextmanager
def server(kind: str, cores: str) -> Iterator[int]:
    """A process of a kind, on the cores given; gives the port."""
    port = free_port()
    command = ["taskset", "-c", cores, sys.executable, str(SERVER), kind, str(port), str(free_port())]
    with process(command) as started:
        if kind == "pipit":
            wait_until_serving(f"127.0.0.1:{port}", started)
        check_answers(port, kind)
        yield port


def check_answers(port: int, kind: str) -> None:
    """h2load does not look at the gRPC status, so look before."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(60)
        reply = inference_pb2_grpc.InferenceServiceStub(channel).Classify(REQUEST, timeout=10)
    labels = [score.label for prediction in reply.predictions for score in prediction.scores]
    assert labels == (["nothing"] if kind == "pipit" else []), labels


def calls_per_second(port: int, requests: int, cores: str, body: Path) -> float:
    """One run of h2load."""
    command = [
        "taskset", "-c", cores, "h2load", f"--requests={requests}", f"--clients={CLIENTS}",
        "--max-concurrent-streams=4", f"--data={body}",
        "--header=content-type: application/grpc", "--header=te: trailers", f"http://127.0.0.1:{port}{METHOD}",
    ]  # fmt: skip
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    done = re.search(r"(\d+) succeeded, 0 failed", output)
    rate = re.search(r"([\d.]+) req/s", output)
    assert done is not None, output
    assert rate is not None, output
    assert int(done[1]) == requests, output
    return float(rate[1])


def main() -> None:
    """Measures, and writes docs/measured/empty_classify.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--requests", type=int, default=30_000, help="calls of each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is not installed; it is in Debian's package nghttp2-client")
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        sys.exit("this needs two cores: one serves, the other drives")
    both = f"{first},{others[0]}"
    kinds = {
        "bare grpcio handler, one core": ("bare", str(first), str(others[0])),
        "Classify that does no work, one core": ("pipit", str(first), str(others[0])),
        "bare grpcio handler, cores shared with the caller": ("bare", both, both),
        "Classify that does no work, cores shared with the caller": ("pipit", both, both),
    }
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        content = REQUEST.SerializeToString()
        body = Path(folder) / "request"
        body.write_bytes(struct.pack(">BI", 0, len(content)) + content)
        ports = {name: stack.enter_context(server(kind, cores)) for name, (kind, cores, _) in kinds.items()}
        for name, port in ports.items():
            calls_per_second(port, 2_000, kinds[name][2], body)
        for _ in range(options.rounds):
            for name, port in ports.items():
                rates[name].append(calls_per_second(port, options.requests, kinds[name][2], body))
    # What serves on cores of its own is held against a bare handler there, and likewise on shared cores.
    bare = {cores: np.array(rates[name]) for name, (kind, cores, _) in kinds.items() if kind == "bare"}
    rows = [
        {
            "what": name,
            "unit": "calls/s",
            "median": round(float(np.median(values))),
            "lowest": round(min(values)),
            "highest": round(max(values)),
            "ratio_to_bare": round(float(np.median(np.array(values) / bare[kinds[name][1]])), 3),
            "rounds": len(values),
            "calls_each": options.requests,
        }
        for name, values in rates.items()
    ]
    write_csv("empty_classify", rows)


if __name__ == "__main__":
    main()
