"""Real data, for the tests marked `data`; faces; small tasks that are real in every part, and a server of them."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.errors import Unavailable
from pipit.faces.gallery import Consent, Person, Template
from pipit.inputs import EncodedImage, PcmAudio
from pipit.landmark_networks import FOLDER, install
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.settings import DataSettings, LandmarkSettings, load_settings


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with one sub-folder per data set. Skips where there is none."""
    folder = load_settings(DataSettings).data
    if folder is None:
        pytest.skip("needs real data; set PIPIT_DATA")
    return folder


@pytest.fixture
def make_certificate(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """A certificate that signs itself, and its key, as PEM files in a folder of their own.

    host: the address or name that it is for. days: from when to when it holds, counted from now. password: of the key.
    """

    def make(
        folder: str = "certificate",
        host: str = "127.0.0.1",
        days: tuple[int, int] = (-1, 1),
        password: bytes | None = None,
    ) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"pipit test {folder}")])
        begin, end = (datetime.now(UTC) + timedelta(days=count) for count in days)
        try:
            alternative: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        signed = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .sign(key, hashes.SHA256())
        )
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
        paths = tmp_path / folder / "certificate.pem", tmp_path / folder / "key.pem"
        paths[0].parent.mkdir()
        paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        return paths

    return make


@pytest.fixture(scope="session")
def make_person() -> Callable[..., Person]:
    """Somebody with random templates; the number makes id, vectors and crops."""

    def make(
        number: int = 0,
        name: str = "Anna Example",
        templates: int = 3,
        embedder: str = "embedder-1",
        keep_crops: bool = False,
        until: str = "",
        not_this: int = 0,
    ) -> Person:
        random = np.random.default_rng(number)

        def template() -> Template:
            vector = random.normal(size=128).astype(np.float32)
            crop = random.bytes(500) if keep_crops else b""
            return Template(vector / np.linalg.norm(vector), embedder, random.random(), random.bytes(32).hex(), crop)

        consent = Consent("Anna herself", "2026-11-01T12:00:00Z", "the door", until, keep_crops)
        everything = [template() for _ in range(templates + not_this)]
        return Person(f"{number:032x}", name, consent, tuple(everything[:templates]), tuple(everything[templates:]))

    return make


@pytest.fixture(scope="session")
def networks_folder() -> Path:
    """The five networks, fetched where they are not there yet. Skips where they can't be had."""
    try:
        install(FOLDER, load_settings(LandmarkSettings).landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    return FOLDER


@pytest.fixture(scope="session")
def photograph() -> NDArray[np.uint8]:
    """Eileen Collins by NASA, public domain: (512, 512, 3)."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image, which carries the photograph")
    picture: NDArray[np.uint8] = data.astronaut()
    return picture


@pytest.fixture(scope="session")
def staged_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the task test.staged, which its distribution's entry points name."""
    site = tmp_path_factory.mktemp("staged-site")
    info = site / "staged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: staged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pipit.pipelines]\ntest.staged = staged:StagedPipeline\ntest.plain = staged:PlainPipeline\n"
    )
    shutil.copy(Path(__file__).parent / "staged.py", site)
    return site


@pytest.fixture
def staged(staged_site: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of test.staged, whose bundles hold two networks; the task is installed as long as the test runs."""
    monkeypatch.syspath_prepend(staged_site)
    return importlib.import_module("staged")


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the tasks test.loudness and test.brightness."""
    site = tmp_path_factory.mktemp("site")
    info = site / "small-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pipit.pipelines]\ntest.loudness = loudness:LoudnessPipeline\n"
        "test.brightness = brightness:BrightnessPipeline\n"
        "[pipit.trainers]\ntest.loudness = loudness:LoudnessTrainer\n"
        "[pipit.examples]\ntest.loudness = pipit.training.by_input.audio.evaluating:clip_examples\n"
    )
    for module in ("loudness.py", "brightness.py"):
        shutil.copy(Path(__file__).parent / module, site)
    return site


@pytest.fixture
def loudness(small_site: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of test.loudness; the task is installed for as long as the test runs."""
    monkeypatch.syspath_prepend(small_site)
    return importlib.import_module("loudness")


@pytest.fixture
def brightness(loudness: ModuleType) -> ModuleType:
    """The module of test.brightness."""
    return importlib.import_module("brightness")


@pytest.fixture
def write_tone(tmp_path: Path, loudness: ModuleType) -> Callable[..., Path]:
    """Writes a recording of (seconds, amplitude) pieces: 0.5 is loud, 0.01 is quiet."""

    def write(name: str, *pieces: tuple[float, float]) -> Path:
        soundfile.write(tmp_path / name, np.concatenate([loudness.tone(*piece) for piece in pieces]), loudness.RATE)
        return tmp_path / name

    return write


def _manifest(task: str, labels: tuple[str, str], kind: str, version: str, accuracy: float, note: str) -> Manifest:
    return Manifest.model_validate(
        {
            "task": task,
            "version": version,
            "model_type": task.partition(".")[2],
            "created_at": "2026-11-21T04:00:00Z",
            "labels": labels,
            "input": {"kind": kind, "shape": (1,)},
            "pipeline": {"name": task, "parameters": {"note": note}},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
            "default_variant": "float32",
            "decision": {"background": labels[1], "uncertain_margin": 0.5},
            "metrics": {"accuracy": {"value": accuracy, "samples": 100}},
            "gates": [{"name": "good enough", "metric": "accuracy", "comparison": ">", "limit": 0.7}],
            "golden": {"tolerance": {"float32": 1e-4}},
            "lineage": {
                "dataset_digest": "a" * 64,
                "split_rule": "none",
                "config_digest": "b" * 64,
                "code_version": "0.1.0",
                "seed": 7,
            },
            "files": {},
        }
    )


def _scores(logit: float) -> list[Any]:
    """Of one row, whose other logit is 0."""
    exponents = np.exp(np.array([logit, 0.0]))
    return [(exponents / exponents.sum()).astype(np.float32)[np.newaxis]]


def _hears(at: Path, loudness: ModuleType, version: str = "1.0.0", accuracy: float = 0.9, note: str = "") -> Bundle:
    sample = PcmAudio(loudness.tone(1.0, 0.5)[:, np.newaxis], loudness.RATE)
    golden = at / f"golden-{version}.npz"
    write_golden(golden, [sample], {"float32": _scores(40 * 0.5 / np.sqrt(2) - 4)})
    manifest = _manifest(loudness.TASK, ("loud", "quiet"), "audio", version, accuracy, note)
    folder = at / f"bundle-{version}-{accuracy}{note}"
    return write_bundle(folder, manifest, {"float32.onnx": loudness.network(0.1), "golden.npz": golden})


def _sees(at: Path, loudness: ModuleType, brightness: ModuleType) -> Bundle:
    golden = at / "golden-brightness.npz"
    write_golden(golden, [EncodedImage(brightness.picture(204))], {"float32": _scores(40 * (0.8 - 0.5))})
    manifest = _manifest(brightness.TASK, ("bright", "dark"), "image", "1.0.0", 0.9, "")
    files = {"float32.onnx": loudness.network(0.5), "golden.npz": golden}
    return write_bundle(at / "bundle-brightness", manifest, files)


@pytest.fixture
def make_bundle(tmp_path: Path, loudness: ModuleType) -> Callable[..., Bundle]:
    """Makes a bundle of the loudness task. accuracy: the metric that its one gate looks at."""
    return partial(_hears, tmp_path, loudness)


@pytest.fixture
def brightness_bundle(tmp_path: Path, loudness: ModuleType, brightness: ModuleType) -> Bundle:
    """Says whether a picture is bright."""
    return _sees(tmp_path, loudness, brightness)


@contextmanager
def _installed(site: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield


@pytest.fixture(scope="module")
def served_bundles(small_site: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    """Of both tasks."""
    with _installed(small_site):
        loudness, brightness = (importlib.import_module(name) for name in ("loudness", "brightness"))
    folder = tmp_path_factory.mktemp("served")
    return _hears(folder, loudness), _sees(folder, loudness, brightness)


@contextmanager
def _served(site: Path, *bundles: Bundle) -> Iterator[str]:
    """host:port of a real server, once all of it serves. One is for all tests of a file, which only ask it.

    Its tasks are installed until it serves: a test may find them gone.
    """
    settings = ServingSettings(
        bundle=tuple(bundle.path for bundle in bundles), port=0, metrics_port=0, grace_seconds=1.0
    )
    server = InferenceServer(settings)
    try:
        with _installed(site):
            server.start()
            address = f"127.0.0.1:{server.port}"
            with grpc.insecure_channel(address) as channel:
                for bundle in bundles:
                    request = health_pb2.HealthCheckRequest(service=bundle.manifest.task)
                    for reply in health_pb2_grpc.HealthStub(channel).Watch(request, timeout=60):
                        if reply.status == health_pb2.HealthCheckResponse.SERVING:
                            break
        yield address
    finally:
        server.stop()


@pytest.fixture(scope="module")
def inference_server(small_site: Path, served_bundles: tuple[Bundle, Bundle]) -> Iterator[str]:
    """host:port of a real server of the loudness task, once it serves."""
    with _served(small_site, served_bundles[0]) as address:
        yield address


@pytest.fixture(scope="module")
def picture_server(small_site: Path, served_bundles: tuple[Bundle, Bundle]) -> Iterator[str]:
    """host:port of a real server of the brightness task, once it serves."""
    with _served(small_site, served_bundles[1]) as address:
        yield address


@pytest.fixture(scope="module")
def server_of_two(small_site: Path, served_bundles: tuple[Bundle, Bundle]) -> Iterator[str]:
    """host:port of a real server of both tasks, once it serves them."""
    with _served(small_site, *served_bundles) as address:
        yield address
