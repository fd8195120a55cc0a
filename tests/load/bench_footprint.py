"""What an inference server takes on a device: packages on disk, memory, and time from start to SERVING.

The server runs in the environment of `make .venv/serve-home_security/.ready`, and follows a registry; its cache is
warm, as after a power cut. Packages are counted without pip and setuptools, which no image keeps.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import grpc
import numpy as np
import psutil
from bench_swap import ENVIRONMENT, with_version
from measure import milliseconds, write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle.golden import read_golden
from pipit.bundle.manifest import GOLDEN_FILE
from pipit.inputs import EncodedAudio
from servers import SERVE_PYTHON, TASK, arguments, inference_server, registry_client

TOOLS = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}


def package_sizes() -> dict[str, int]:
    """Bytes of each top folder of the environment's site-packages, bytecode included."""
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    site = Path(json.loads(subprocess.run([SERVE_PYTHON, "-c", code], check=True, capture_output=True).stdout))
    sizes = {}
    for entry in site.iterdir():
        if entry.name.partition("-")[0] not in TOOLS:
            files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
            sizes[entry.name] = sum(path.stat().st_size for path in files)
    return sizes


def main() -> None:
    """Measures, and writes docs/measured/footprint.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--calls", type=int, default=200, help="calls before memory is read again")
    options = parser.parse_args()
    clips = [s.item.data for s in read_golden(options.bundle / GOLDEN_FILE) if isinstance(s.item, EncodedAudio)]
    starts, idle, busy = [], [], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = registry_client(stack, folder / "store")
        client.publish(with_version(options.bundle, "1.0.0", folder))
        client.promote(TASK, "1.0.0", ENVIRONMENT, "benchmark", override_gates=True)
        flags = ("--registry", client.address, "--tasks", TASK, "--cache-dir", str(folder / "cache"))
        with inference_server(*flags, python=SERVE_PYTHON):
            pass  # fills the cache
        for _ in range(options.starts):
            begun = perf_counter()
            with inference_server(*flags, python=SERVE_PYTHON) as (server, address):
                starts.append(perf_counter() - begun)
                idle.append(psutil.Process(server.pid).memory_info().rss / 2**20)
                stub = inference_pb2_grpc.InferenceServiceStub(grpc.insecure_channel(address))
                for number in range(options.calls):
                    stub.Classify(pb.ClassifyRequest(input=pb.Input(audio=clips[number % len(clips)])), timeout=60)
                busy.append(psutil.Process(server.pid).memory_info().rss / 2**20)
    sizes = package_sizes()
    largest = sorted(sizes, key=lambda name: -sizes[name])[:6]
    rows: list[dict[str, object]] = [
        {"what": "packages on disk", "value": round(sum(sizes.values()) / 1e6, 1), "unit": "MB", "samples": 1},
        *(
            {"what": f"  of it {name}", "value": round(sizes[name] / 1e6, 1), "unit": "MB", "samples": 1}
            for name in largest
        ),
        {
            "what": "start to SERVING, median",
            "value": milliseconds(np.array(starts), 50),
            "unit": "ms",
            "samples": len(starts),
        },
        {
            "what": "start to SERVING, slowest",
            "value": milliseconds(np.array(starts), 100),
            "unit": "ms",
            "samples": len(starts),
        },
        {
            "what": "resident memory once SERVING, median",
            "value": round(float(np.median(idle)), 1),
            "unit": "MiB",
            "samples": len(idle),
        },
        {
            "what": f"resident memory after {options.calls} calls, median",
            "value": round(float(np.median(busy)), 1),
            "unit": "MiB",
            "samples": len(busy),
        },
        {"what": "resident memory, largest", "value": round(max(busy + idle), 1), "unit": "MiB", "samples": len(busy)},
    ]
    write_csv("footprint", rows)


if __name__ == "__main__":
    main()
