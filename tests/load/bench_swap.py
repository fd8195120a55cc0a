"""A hundred swaps under steady load: calls that failed, and the server's memory after each.

A registry and a server run as processes of their own; callers classify real clips while an environment is moved to and
fro between two versions. A swap counts once the server answers with the new version.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, perf_counter

import grpc
import numpy as np
import psutil
from measure import milliseconds, write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import SemanticVersion, open_bundle, write_bundle
from pipit.bundle.golden import read_golden
from pipit.bundle.manifest import GOLDEN_FILE
from pipit.inputs import EncodedAudio
from servers import TASK, arguments, inference_server, registry_client

ENVIRONMENT = "production"
VERSIONS = ("1.0.0", "2.0.0")


def with_version(source: Path, version: str, folder: Path) -> Path:
    """The same bundle under another version."""
    bundle = open_bundle(source)
    manifest = bundle.manifest.model_copy(update={"version": SemanticVersion(version)})
    return write_bundle(folder / version, manifest, {name: bundle.file(name) for name in bundle.manifest.files}).path


class Load:
    """Callers that never pause, and what they were told."""

    def __init__(self, address: str, clips: list[bytes]) -> None:
        self._stub = inference_pb2_grpc.InferenceServiceStub(grpc.insecure_channel(address))
        self._requests = [pb.ClassifyRequest(input=pb.Input(audio=clip)) for clip in clips]
        self._stop = threading.Event()
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.seconds: list[float] = []
        self._lock = threading.Lock()

    def call(self, number: int) -> None:
        """Until told to stop."""
        while not self._stop.is_set():
            begun = perf_counter()
            try:
                version = self._stub.Classify(self._requests[number % len(self._requests)], timeout=60).model.version
            except grpc.RpcError as error:
                with self._lock:
                    self.failures[error.code().name] += 1
            else:
                with self._lock:
                    self.answers[version] += 1
                    self.seconds.append(perf_counter() - begun)

    def stop(self) -> None:
        """Lets every caller end."""
        self._stop.set()


def wait_for_version(stub: inference_pb2_grpc.InferenceServiceStub, version: str) -> None:
    """Until the server says that it serves `version`."""
    deadline = monotonic() + 60
    while stub.ListModels(pb.ListModelsRequest(), timeout=10).models[0].identity.version != version:
        if monotonic() > deadline:
            raise RuntimeError(f"version {version} did not come within a minute")
        threading.Event().wait(0.005)


def main() -> None:
    """Measures, and writes docs/measured/swap.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--callers", type=int, default=4)
    options = parser.parse_args()
    clips = [s.item.data for s in read_golden(options.bundle / GOLDEN_FILE) if isinstance(s.item, EncodedAudio)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = registry_client(stack, folder / "store")
        for version in VERSIONS:
            client.publish(with_version(options.bundle, version, folder))
        move = lambda version: client.promote(TASK, version, ENVIRONMENT, "benchmark", override_gates=True)  # noqa: E731
        move(VERSIONS[0])
        flags = (
            "--registry",
            client.address,
            "--tasks",
            TASK,
            "--environment",
            ENVIRONMENT,
            "--cache-dir",
            str(folder / "cache"),
        )
        server, address = stack.enter_context(inference_server(*flags))
        stub = inference_pb2_grpc.InferenceServiceStub(grpc.insecure_channel(address))
        memory, swaps = [], []
        load = Load(address, clips)
        with ThreadPoolExecutor(options.callers) as pool:
            callers = [pool.submit(load.call, number) for number in range(options.callers)]
            try:
                for number in range(options.swaps):
                    version = VERSIONS[(number + 1) % 2]
                    begun = perf_counter()
                    move(version)
                    wait_for_version(stub, version)
                    swaps.append(perf_counter() - begun)
                    memory.append(psutil.Process(server.pid).memory_info().rss / 2**20)
            finally:
                load.stop()
            for caller in callers:
                caller.result()
    after_tenth = np.array(memory[10:])
    slope = float(np.polyfit(np.arange(len(after_tenth)), after_tenth, 1)[0])
    rows: list[dict[str, object]] = [
        {"what": "swaps", "value": len(swaps), "unit": ""},
        {"what": "callers", "value": options.callers, "unit": ""},
        {"what": "calls answered", "value": sum(load.answers.values()), "unit": ""},
        *({"what": f"calls answered by {version}", "value": load.answers[version], "unit": ""} for version in VERSIONS),
        {"what": "calls failed", "value": sum(load.failures.values()), "unit": " ".join(load.failures)},
        {"what": "call, median", "value": milliseconds(np.array(load.seconds), 50), "unit": "ms"},
        {"what": "call, p99", "value": milliseconds(np.array(load.seconds), 99), "unit": "ms"},
        {
            "what": "promotion to answering with the new version, median",
            "value": milliseconds(np.array(swaps), 50),
            "unit": "ms",
        },
        {
            "what": "promotion to answering with the new version, p95",
            "value": milliseconds(np.array(swaps), 95),
            "unit": "ms",
        },
        *(
            {"what": f"resident memory after swap {n}", "value": round(memory[n - 1], 1), "unit": "MiB"}
            for n in (1, 10, 25, 50, 75, 100)
            if n <= len(memory)
        ),
        {"what": "slope of resident memory after swap 10", "value": round(slope, 4), "unit": "MiB/swap"},
    ]
    write_csv("swap", rows)


if __name__ == "__main__":
    main()
