"""An hour of a registry and a server that follows it, with TLS and tokens on, while everything happens that happens.

Callers classify clips and stream them, some with a token that nobody knows, some with what is no sound, some that hang
up in the middle. Each minute the environment moves to the other of two versions, so that a version is fetched, proven
in its own process, swapped and freed. Each minute a row says what was answered, and what both processes held then:
memory, open files, threads.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import grpc
import psutil
from bench_security import TOKEN, Files
from bench_swap import with_version
from measure import write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle.golden import read_golden
from pipit.bundle.manifest import GOLDEN_FILE
from pipit.inputs import EncodedAudio
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from pipit.rpc.client import open_channel
from pipit.rpc.probe import health_of
from servers import arguments, free_port, process

TASK, ENVIRONMENT = "home_security.sounds", "production"
VERSIONS = ("1.0.0", "2.0.0")
OPERATOR = "soak-operator"
KINDS = ("clip", "stream", "hang up", "no sound", "no token", "list")


class Traffic:
    """Callers with pauses, and what they were told."""

    def __init__(self, address: str, files: Files, clips: list[bytes], pause: float) -> None:
        self._address = address
        self._files = files
        self._clips = clips
        self._pause = pause
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._told: Counter[str] = Counter()

    def call(self, number: int) -> None:
        """Until told to stop: one call after the other, each of a kind by chance, a new connection now and then."""
        random_number = random.Random(number)
        while not self._stop.is_set():
            token = "nobody's" if number == 0 else TOKEN
            with open_channel(self._address, token, self._files.certificate) as channel:
                stub = inference_pb2_grpc.InferenceServiceStub(channel)
                for _ in range(random_number.randint(1, 60)):
                    if self._stop.wait(random_number.uniform(0, 2 * self._pause)):
                        return
                    kind = "no token" if number == 0 else random_number.choice([*KINDS[:4], "clip", "clip", "list"])
                    status = self._ask(stub, kind, random_number.choice(self._clips))
                    with self._lock:
                        self._told[f"{kind}: {status}"] += 1

    def _ask(self, stub: inference_pb2_grpc.InferenceServiceStub, kind: str, clip: bytes) -> str:
        try:
            if kind == "list":
                stub.ListModels(pb.ListModelsRequest(), timeout=60)
            elif kind in {"stream", "hang up"}:
                call = stub.ClassifyStream(_pieces(clip), timeout=60)
                for count, _ in enumerate(call):
                    if kind == "hang up" and count == 0:
                        call.cancel()
                        return "left"
            else:
                data = os.urandom(20_000) if kind == "no sound" else clip
                stub.Classify(pb.ClassifyRequest(input=pb.Input(audio=data)), timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)  # type: ignore[attr-defined]
        return "OK"

    def told(self) -> Counter[str]:
        """Since the last time."""
        with self._lock:
            told, self._told = self._told, Counter()
        return told

    def stop(self) -> None:
        """Lets every caller end."""
        self._stop.set()


def _pieces(clip: bytes) -> Iterator[pb.ClassifyStreamRequest]:
    # Ten seconds of 16-bit noise, half a second at a time.
    for _ in range(20):
        samples = random.Random(clip[100:110]).randbytes(22_050)
        audio = pb.PcmAudio(samples=samples, encoding="ENCODING_S16", sample_rate=22_050, channels=1)
        yield pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=pb.Input(pcm=audio)))


def held(pid: int) -> dict[str, float]:
    """What a process holds now."""
    process_ = psutil.Process(pid)
    with process_.oneshot():
        return {
            "mib": round(process_.memory_info().rss / 2**20, 1),
            "files": process_.num_fds(),
            "threads": process_.num_threads(),
        }


def main() -> None:
    """Measures, and writes docs/measured/soak.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--callers", type=int, default=8, help="the first of them has no token that is known")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two calls of one caller, on average")
    options = parser.parse_args()
    clips = [s.item.data for s in read_golden(options.bundle / GOLDEN_FILE) if isinstance(s.item, EncodedAudio)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files = Files(folder)
        tokens = files.tokens.read_text().rstrip("]}")
        files.tokens.write_text(
            f'{tokens}}}, {{"name": "anna", "roles": ["operator", "publisher", "device"], '
            f'"sha256": "{hash_token(OPERATOR)}"}}]}}'
        )
        ports = {name: free_port() for name in ("registry", "serving")}
        shared = files.settings("TLS and token")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
        environment |= shared | {name.replace("SERVING", "REGISTRY"): value for name, value in shared.items()}
        environment |= {
            "PIPIT_REGISTRY_STORE": str(folder / "store"),
            "PIPIT_REGISTRY_PORT": str(ports["registry"]),
            "PIPIT_REGISTRY_METRICS_PORT": "0",
            "PIPIT_CA": str(files.certificate),
            "PIPIT_TOKEN": OPERATOR,
            "PIPIT_SERVING_CACHE_DIR": str(folder / "cache"),
            "PIPIT_SIGNING_KEY": str(folder / "signing.pem"),
        }
        os.environ.clear()
        os.environ.update(environment)
        registry = stack.enter_context(process([sys.executable, "-m", "model_registry"]))
        address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        access = {"token": OPERATOR, "ca": files.certificate, "certificate": None, "key": None}
        _wait(address["registry"], access)
        client = stack.enter_context(RegistryClient(address["registry"], **access))  # type: ignore[arg-type]
        for version in VERSIONS:
            client.publish(with_version(options.bundle, version, folder))
        client.promote(TASK, VERSIONS[0], ENVIRONMENT, "soak", override_gates=True)
        serve = [sys.executable, "-m", "pipit.serving", "--port", str(ports["serving"]), "--metrics-port", "0"]
        serve += ["--registry", address["registry"], "--tasks", TASK]
        server = stack.enter_context(process(serve))
        _wait(address["serving"], access)
        traffic = Traffic(address["serving"], files, clips, options.pause)
        callers = [threading.Thread(target=traffic.call, args=(number,)) for number in range(options.callers)]
        for caller in callers:
            caller.start()
        rows = []
        try:
            for minute in range(1, options.minutes + 1):
                end = monotonic() + 60
                client.promote(TASK, VERSIONS[minute % 2], ENVIRONMENT, "soak", override_gates=True)
                threading.Event().wait(max(0.0, end - monotonic()))
                told = traffic.told()
                with open_channel(address["serving"], OPERATOR, files.certificate) as channel:
                    listed = inference_pb2_grpc.InferenceServiceStub(channel).ListModels(
                        pb.ListModelsRequest(), timeout=60
                    )
                rows.append(
                    {
                        "minute": minute,
                        "version": listed.models[0].identity.version,
                        **{f"server_{name}": value for name, value in held(server.pid).items()},
                        **{f"registry_{name}": value for name, value in held(registry.pid).items()},
                        "told": "; ".join(f"{what} {count}" for what, count in sorted(told.items())),
                    }
                )
                write_csv("soak", rows)
        finally:
            traffic.stop()
            for caller in callers:
                caller.join()


def _wait(address: str, access: dict[str, object]) -> None:
    deadline = monotonic() + 60
    while True:
        try:
            if health_of(address, access=access, timeout=2) == "SERVING":  # type: ignore[arg-type]
                return
        except Exception:
            if monotonic() > deadline:
                raise


if __name__ == "__main__":
    main()
