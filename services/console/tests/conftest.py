"""A registry, a console beside it, and browsers: real servers on free ports."""

from __future__ import annotations

import io
import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from PIL import Image
from pipit.bundle import Bundle, Manifest, write_bundle
from pipit.examples import Consent, Example, Part, Reason, Score
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.files import sha256_bytes
from pipit.fleet.client import FleetClient
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from pipit_console.server import ConsoleServer
from pipit_console.settings import ConsoleSettings

TASK = "test.sounds"
NAMES = {"viv": "reader", "lab": "labeller", "lisa": "labeller", "opa": "operator", "pub": "publisher", "dev": "device"}
_DAY = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def token_of(name: str) -> str:
    return f"token-of-{name}"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Callers by name; `few` may ask another task only."""
    lines = [f"- {{name: {n}, roles: [{r}], sha256: {hash_token(token_of(n))}}}" for n, r in NAMES.items()]
    lines.append(f"- {{name: few, roles: [labeller], tasks: [test.other], sha256: {hash_token(token_of('few'))}}}")
    path = tmp_path / "tokens.yaml"
    path.write_text("callers:\n" + "\n".join(lines))
    return path


@pytest.fixture
def start_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RegistryServer]]:
    servers: list[RegistryServer] = []
    # Where the machine stands still for a second, a start would not wait for what tests ask of it at once.
    monkeypatch.setattr("model_registry.health._FIRST_LOOK_SECONDS", 60.0)
    monkeypatch.setattr("model_registry.fleet.keeper._FIRST_ROUND_SECONDS", 60.0)

    def start(**settings: Any) -> RegistryServer:
        given = {"store": tmp_path / "store", "port": 0, "metrics_port": 0, "poll_seconds": 0.05, **settings}
        server = RegistryServer(RegistrySettings(**given))
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop(0)


@pytest.fixture
def registry(start_registry: Callable[..., RegistryServer], tokens: Path) -> RegistryServer:
    return start_registry(tokens=tokens)


@pytest.fixture
def start_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ConsoleServer]]:
    """Each has a cache of its own, unless told otherwise."""
    servers: list[ConsoleServer] = []
    # Tests ask for what is in an index at once, also where the machine takes long to fill it.
    monkeypatch.setattr("pipit_console.pools._FIRST_SECONDS", 120.0)

    def start(registry: RegistryServer | str, **settings: Any) -> ConsoleServer:
        address = registry if isinstance(registry, str) else f"127.0.0.1:{registry.port}"
        given = {
            "registry": address,
            "port": 0,
            "metrics_port": 0,
            "cache_dir": tmp_path / f"cache-{len(servers)}",
            "sync_seconds": 0.05,
            "grace_seconds": 2.0,
            **settings,
        }
        server = ConsoleServer(ConsoleSettings(**given))
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def console(registry: RegistryServer, start_console: Callable[..., ConsoleServer]) -> ConsoleServer:
    return start_console(registry)


class Browser(httpx.Client):
    """Of one person; sends what the page would."""

    def sign_in(self, **body: str) -> httpx.Response:
        """token: or `as_`, a name of the file of tokens."""
        if "as_" in body:
            body = {"token": token_of(body["as_"])}
        answer = self.post("/api/v1/session", json=body)
        if answer.status_code == 200:
            self.headers["X-Pipit-CSRF"] = answer.json()["csrf"]
        return answer

    def ask(self, path: str, **parameters: Any) -> Any:
        """JSON of a GET that must succeed."""
        answer = self.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, path: str, body: Any, method: str = "POST") -> Any:
        answer = self.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def say(self, *events: dict[str, Any], batch: str = "", task: str = TASK) -> Any:
        """Stores events in one batch; what they lack is filled in."""
        filled = [{"id": str(uuid.uuid4()), "kind": "label", "at": datetime.now(UTC).isoformat(), **e} for e in events]
        return self.tell(f"/label/{task}/events", {"batch_id": batch or str(uuid.uuid4()), "events": filled})


@pytest.fixture
def browse() -> Iterator[Callable[..., Browser]]:
    """A browser at a console; signed in where a name is given."""
    with ExitStack() as stack:

        def open_browser(console: ConsoleServer, name: str = "") -> Browser:
            browser = stack.enter_context(Browser(base_url=f"http://127.0.0.1:{console.port}", timeout=60.0))
            if name:
                answer = browser.sign_in(as_=name)
                assert answer.status_code == 200, answer.text
            return browser

        yield open_browser


def recording(number: int, seconds: float = 1.0) -> bytes:
    """WAV of a tone that has the number's pitch."""
    times = np.arange(int(16_000 * seconds)) / 16_000
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * np.sin(2 * np.pi * (200 + 37 * number) * times), 16_000, format="WAV")
    return buffer.getvalue()


def picture(number: int, size: tuple[int, int] = (640, 480)) -> bytes:
    random = np.random.default_rng(number)
    buffer = io.BytesIO()
    pixels = random.integers(0, 255, (size[1] // 16, size[0] // 16, 3), np.uint8)
    Image.fromarray(pixels).resize(size).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def keep(registry: RegistryServer) -> Iterator[Callable[..., list[Example]]]:
    """Brings examples to the registry, as a device with consent does, or as a person who imports them."""
    address = f"127.0.0.1:{registry.port}"
    numbers = itertools.count()
    with ExampleClient(address, token_of("opa")) as operator, ExampleClient(address, token_of("dev")) as device:

        def bring(
            count: int,
            task: str = TASK,
            reason: Reason = Reason.UNCERTAIN,
            media_type: str = "audio/wav",
            content: bytes = b"",
            **fields: Any,
        ) -> list[Example]:
            # content: in place of what would be made by the number.
            imported = reason is Reason.IMPORTED
            if not imported:
                operator.give_consent(Consent("pi-1", task, "the house agreed"))
            kept = []
            for number in itertools.islice(numbers, count):
                data = content or (picture(number) if media_type.startswith("image/") else recording(number))
                scores = (Score("loud", 0.5 + number / 1000), Score("quiet", 0.5 - number / 1000))
                taken = _DAY + timedelta(minutes=number)
                example = Example(
                    id=example_id(taken, data),
                    task=task,
                    media_type=media_type,
                    bytes=len(data),
                    sha256=sha256_bytes(data),
                    reason=reason,
                    device_id="" if imported else "pi-1",
                    taken_at=taken,
                    version="1.0.0",
                    parts=(Part(span=(0.0, 1.0), scores=scores, label="loud"),),
                    **fields,
                )
                kept.append((operator if imported else device).upload(example, data))
            return kept

        yield bring


def manifest(version: str, accuracy: float, task: str = TASK, labels: tuple[str, ...] = ("quiet", "loud")) -> Manifest:
    parameters = {"front_end": "yamnet", "window_seconds": 0.975, "hop_seconds": 0.975}
    return Manifest.model_validate(
        {
            "task": task,
            "version": version,
            "model_type": "linear",
            "created_at": "2026-11-21T04:00:00Z",
            "labels": labels,
            "input": {"kind": "audio"},
            "pipeline": {"name": task, "parameters": parameters},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "weights.onnx"}],
            "default_variant": "float32",
            "decision": {"thresholds": {"loud": 0.6}},
            "metrics": {
                "accuracy": {"value": accuracy, "samples": 100, "low": accuracy - 0.05, "high": accuracy + 0.05}
            },
            "gates": [{"name": "good", "metric": "accuracy", "comparison": ">", "limit": 0.7}],
            "golden": {"tolerance": {"float32": 1e-4}},
            "expected": {"latency_budget_ms": 50.0},
            "lineage": {
                "dataset_digest": "a" * 64,
                "split_rule": "by source clip",
                "config_digest": "b" * 64,
                "code_version": "0.1.0",
                "seed": 7,
            },
            "files": {},
        }
    )


EVALUATION = (
    b'{"labels": ["quiet", "loud"], "confusion": [[40, 10], [%d, 30]], "classes": ['
    b'{"label": "quiet", "support": 50, "precision": {"value": 0.8}, "recall": {"value": 0.8}, "f1": 0.8},'
    b'{"label": "loud", "support": 50, "precision": null, "recall": {"value": 0.6}, "f1": 0.%d}]}'
)


@pytest.fixture
def publish(registry: RegistryServer, tmp_path: Path) -> Iterator[Callable[..., Bundle]]:
    """A version with a report, published."""
    with RegistryClient(f"127.0.0.1:{registry.port}", token_of("pub")) as client:

        def make(version: str = "1.0.0", accuracy: float = 0.9, task: str = TASK) -> Bundle:
            files: dict[str, Path | bytes] = {
                "weights.onnx": version.encode(),
                "golden.npz": b"golden",
                "report/evaluation.json": EVALUATION % (20, int(100 * accuracy)),
                "report/model_card.md": f"# {task} {version}".encode(),
                "report/confusion.png": b"\x89PNG\r\n\x1a\nno picture",
            }
            bundle = write_bundle(tmp_path / f"{task}-{version}", manifest(version, accuracy, task), files)
            client.publish(bundle.path)
            return bundle

        yield make


@pytest.fixture
def fleet(registry: RegistryServer) -> Iterator[FleetClient]:
    """As a device calls it."""
    with FleetClient(f"127.0.0.1:{registry.port}", token_of("dev")) as client:
        yield client


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until something holds, and fails after a long while."""
    pause = threading.Event()

    def wait(holds: Callable[[], bool]) -> None:
        for _ in range(2000):
            if holds():
                return
            pause.wait(0.02)
        pytest.fail("it never came to hold")

    return wait


@pytest.fixture
def make_certificate() -> Callable[[Path, str], tuple[Path, Path]]:
    """A self-signed pair for 127.0.0.1, as files of that name in a folder."""

    def make(folder: Path, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        certificate = (
            builder.not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths

    return make


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    return manifest
