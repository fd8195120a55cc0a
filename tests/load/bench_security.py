"""What TLS, tokens and certificates of callers cost a call, against none of them, all in one run.

Five servers that do no work lie side by side on one core, and one at a time is driven from the other: by h2load
(Debian: nghttp2-client) for the calls a second, and call by call from Python for the time of one. Calls carry one
number, or a clip of five seconds of sound. Then the load of the review: many callers of a short queue, with TLS and a
token.

h2load shows no certificate of its own and looks at none: calls with mTLS are measured from Python alone. What differs
there is the handshake.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, perf_counter

import grpc
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from measure import write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.rpc.auth import hash_token
from pipit.rpc.certificates import Access
from pipit.rpc.client import open_channel
from pipit.rpc.probe import health_of
from servers import free_port, process

SERVER = Path(__file__).with_name("empty_server.py")
METHOD = "/pipit.inference.v1.InferenceService/Classify"
CLIP = 5 * 22_050 * 2
TOKEN = "bench-token"
REQUESTS = {
    "one number": pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0]))),
    "a clip of 220 kB": pb.ClassifyRequest(
        input=pb.Input(pcm=pb.PcmAudio(samples=bytes(CLIP), encoding="ENCODING_S16", sample_rate=22_050, channels=1))
    ),
}
CALLERS = 200
WARM_UP = 50


@dataclass(frozen=True)
class Guarded:
    """A running server, and how it is called."""

    port: int
    pid: int
    access: Access

    def channel(self) -> grpc.Channel:
        return open_channel(f"127.0.0.1:{self.port}", **self.access)


class Files:
    """A certificate that signs itself and serves both sides, and a file of two callers."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.tokens = folder / "tokens.yaml"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pipit bench")])
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder(
                name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1)
            )
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        entries = [{"name": each, "roles": ["reader"], "sha256": hash_token(each)} for each in (TOKEN, "another")]
        self.tokens.write_text(json.dumps({"callers": entries}))

    def settings(self, kind: str) -> dict[str, str]:
        """Variables of a server of that kind."""
        found = {}
        if "TLS" in kind:
            found |= {"TLS_CERTIFICATE": str(self.certificate), "TLS_KEY": str(self.key)}
        if "mTLS" in kind:
            found["TLS_CLIENT_CA"] = str(self.certificate)
        if "token" in kind:
            found["TOKENS"] = str(self.tokens)
        return {f"PIPIT_SERVING_{name}": value for name, value in found.items()}

    def access(self, kind: str) -> Access:
        """For its callers."""
        own = (self.certificate, self.key) if "mTLS" in kind else (None, None)
        token = TOKEN if "token" in kind else None
        return Access(token=token, ca=self.certificate if "TLS" in kind else None, certificate=own[0], key=own[1])


KINDS = ("plain", "token", "TLS", "TLS and token", "mTLS and token")


@contextmanager
def guarded(files: Files, kind: str, core: int, queue: int = 32) -> Iterator[Guarded]:
    """A server of that kind on one core, that answers."""
    port = free_port()
    before = dict(os.environ)
    os.environ.update(files.settings(kind) | {"PIPIT_SERVING_QUEUE": str(queue)})
    command = ["taskset", "-c", str(core), sys.executable, str(SERVER), "pipit", str(port), str(free_port())]
    with process(command) as started:
        os.environ.clear()
        os.environ.update(before)
        one = Guarded(port, started.pid, files.access(kind))
        deadline = monotonic() + 60
        while answer(one) != "SERVING":
            assert monotonic() < deadline, kind
        yield one


def answer(server: Guarded) -> str:
    try:
        return health_of(f"127.0.0.1:{server.port}", access=server.access, timeout=1)
    except Exception:
        return ""


def calls_per_second(server: Guarded, requests: int, core: int, body: Path) -> float:
    """One run of h2load. It does not look at the gRPC status: `latencies` has, of the same call."""
    secure = server.access["ca"] is not None
    command = [
        "taskset", "-c", str(core), "h2load", f"--requests={requests}", "--clients=8", "--max-concurrent-streams=4",
        f"--data={body}", "--header=content-type: application/grpc", "--header=te: trailers",
        *([f"--header=authorization: Bearer {TOKEN}"] if server.access["token"] else []),
        f"http{'s' * secure}://127.0.0.1:{server.port}{METHOD}",
    ]  # fmt: skip
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    done, rate = re.search(r"(\d+) succeeded, 0 failed", output), re.search(r"([\d.]+) req/s", output)
    assert done is not None, output
    assert int(done[1]) == requests, output
    assert rate is not None, output
    return float(rate[1])


def latencies(server: Guarded, request: pb.ClassifyRequest, count: int) -> list[float]:
    """Milliseconds of so many calls, one after the other, over one connection."""
    with server.channel() as channel:
        classify = inference_pb2_grpc.InferenceServiceStub(channel).Classify
        for _ in range(WARM_UP):
            classify(request, timeout=10)
        return [elapsed(lambda: classify(request, timeout=10)) for _ in range(count)]


def first_calls(server: Guarded, count: int) -> list[float]:
    """Milliseconds from a new connection to its first answer."""

    def once() -> None:
        with server.channel() as channel:
            inference_pb2_grpc.InferenceServiceStub(channel).Classify(REQUESTS["one number"], timeout=10)

    return [elapsed(once) for _ in range(count)]


def elapsed(call: Callable[[], object]) -> float:
    begun = perf_counter()
    call()
    return (perf_counter() - begun) * 1000


def compare(files: Files, options: argparse.Namespace, cores: tuple[int, int]) -> list[dict[str, object]]:
    """Rows of what each kind costs."""
    rows = []
    with ExitStack() as stack:
        running = {kind: stack.enter_context(guarded(files, kind, cores[0])) for kind in KINDS}
        for what, request in REQUESTS.items():
            body = Path(stack.enter_context(tempfile.NamedTemporaryFile()).name)
            message = request.SerializeToString()
            body.write_bytes(struct.pack(">BI", 0, len(message)) + message)
            requests = options.requests if what == "one number" else options.requests // 10
            rates: dict[str, list[float]] = {kind: [] for kind in KINDS if kind != "mTLS and token"}
            processor: dict[str, list[float]] = {kind: [] for kind in rates}
            times: dict[str, list[float]] = {kind: [] for kind in KINDS}
            for _ in range(options.rounds):
                for kind, server in running.items():
                    times[kind] += latencies(server, request, options.calls)
                    if kind in rates:
                        begun = processor_seconds(server.pid)
                        rates[kind].append(calls_per_second(server, requests, cores[1], body))
                        processor[kind].append((processor_seconds(server.pid) - begun) / requests * 1e6)
            for kind in KINDS:
                shares = [rate / plain for rate, plain in zip(rates.get(kind, ()), rates["plain"], strict=False)]
                spent = processor.get(kind, [])
                rows.append(
                    {
                        "what": what,
                        "kind": kind,
                        "calls_per_second": round(float(np.median(rates[kind]))) if kind in rates else "",
                        "share_of_plain": round(float(np.median(shares)), 3) if shares else "",
                        "server_us_per_call": round(float(np.median(spent)), 1) if spent else "",
                        "call_ms": round(float(np.median(times[kind])), 3),
                        "more_than_plain_ms": round(float(np.median(times[kind]) - np.median(times["plain"])), 3),
                        "rounds": options.rounds,
                        "calls_timed": len(times[kind]),
                    }
                )
        for kind, server in running.items():
            begins = first_calls(server, options.connections)
            rows.append(
                {
                    "what": "a first call",
                    "kind": kind,
                    "call_ms": round(float(np.median(begins)), 2),
                    "calls_timed": len(begins),
                }
            )
    plain = next(row["call_ms"] for row in rows if row["what"] == "a first call")
    for row in rows:
        if row["what"] == "a first call":
            row["more_than_plain_ms"] = round(float(str(row["call_ms"])) - float(str(plain)), 2)
    return [{**dict.fromkeys(rows[0], ""), **row} for row in rows]


def processor_seconds(pid: int) -> float:
    """Of a process so far. What others do on the machine does not count to it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    assert found is not None
    return int(found[1]) / 1024


def load(files: Files, seconds: float, core: int) -> list[dict[str, object]]:
    """200 callers of a queue of 8, TLS and a token."""
    statuses: Counter[str] = Counter()
    lock = threading.Lock()
    memory = []
    with guarded(files, "TLS and token", core, queue=8) as server, ExitStack() as stack:
        end = monotonic() + seconds
        channels = [stack.enter_context(server.channel()) for _ in range(20)]

        def ask(number: int) -> None:
            own: Counter[str] = Counter()
            classify = inference_pb2_grpc.InferenceServiceStub(channels[number % len(channels)]).Classify
            while monotonic() < end:
                try:
                    classify(REQUESTS["one number"], timeout=30)
                except grpc.RpcError as error:
                    own[error.code().name] += 1  # type: ignore[attr-defined]
                else:
                    own["OK"] += 1
            with lock:
                statuses.update(own)

        callers = [threading.Thread(target=ask, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        while monotonic() < end:
            threading.Event().wait(1)
            memory.append(resident(server.pid))
        for caller in callers:
            caller.join()
    return [
        {
            "callers": CALLERS,
            "queue": 8,
            "seconds": seconds,
            "ok": statuses.pop("OK"),
            "resource_exhausted": statuses.pop("RESOURCE_EXHAUSTED", 0),
            "other_statuses": sum(statuses.values()),
            "memory_mib_by_sixths": " ".join(f"{memory[len(memory) * part // 6 - 1]:.1f}" for part in range(1, 7)),
        }
    ]


def main() -> None:
    """Measures, and writes docs/measured/security.csv and security_load.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="calls of each round; of clips a tenth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="timed one by one, in each round")
    parser.add_argument("--connections", type=int, default=50, help="new ones")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the load")
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is not installed; it is in Debian's package nghttp2-client")
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        sys.exit("this needs two cores: one serves, the other drives")
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        os.sched_setaffinity(0, {others[0]})
        rows, under_load = compare(files, options, (first, others[0])), load(files, options.seconds, first)
    os.sched_setaffinity(0, {first, *others})
    write_csv("security", rows, ("grpcio", "numpy"))
    write_csv("security_load", under_load, ("grpcio", "numpy"))


if __name__ == "__main__":
    main()
