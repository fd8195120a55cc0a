from __future__ import annotations

import importlib
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from model_registry.server import RegistryServer
from pipit.bundle import write_bundle, write_golden
from pipit.inputs import PcmAudio
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit_console.server import ConsoleServer

_TASKS = Path(__file__).parents[3] / "shared" / "tests"


@pytest.fixture
def loudness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The task test.loudness, installed for as long as the test runs."""
    site = tmp_path / "site"
    info = site / "small-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pipit.pipelines]\ntest.loudness = loudness:LoudnessPipeline\n")
    shutil.copy(_TASKS / "loudness.py", site)
    monkeypatch.syspath_prepend(site)
    return importlib.import_module("loudness")


@pytest.fixture
def server(
    loudness: ModuleType, tmp_path: Path, make_manifest: Callable[..., Any], eventually: Callable[..., None]
) -> Iterator[InferenceServer]:
    sample = PcmAudio(loudness.tone(1.0, 0.5)[:, np.newaxis], loudness.RATE)
    exponents = np.exp(np.array([40 * 0.5 / np.sqrt(2) - 4, 0.0]))
    write_golden(
        tmp_path / "golden.npz", [sample], {"float32": [(exponents / exponents.sum()).astype(np.float32)[np.newaxis]]}
    )
    manifest = make_manifest("1.0.0", 0.9, loudness.TASK, ("loud", "quiet"))
    bundle = write_bundle(
        tmp_path / "loudness", manifest, {"weights.onnx": loudness.network(0.1), "golden.npz": tmp_path / "golden.npz"}
    )
    running = InferenceServer(ServingSettings(bundle=(bundle.path,), port=0, metrics_port=0, grace_seconds=1.0))
    running.start()
    yield running
    running.stop()


def wav(samples: np.ndarray[Any, Any], rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV")
    return buffer.getvalue()


def test_a_recording_is_tried(
    loudness: ModuleType,
    server: InferenceServer,
    registry: RegistryServer,
    start_console: Callable[..., ConsoleServer],
    browse: Callable[..., Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    console = start_console(registry, servers=("127.0.0.1:1", f"127.0.0.1:{server.port}"))
    viewer = browse(console, "viv")
    sound = wav(np.concatenate([loudness.tone(1.0, 0.5), loudness.tone(1.0, 0.01)]), loudness.RATE)

    def ask(content: bytes, task: str = loudness.TASK) -> Any:
        return viewer.post(f"/api/v1/try/{task}", content=content, headers={"Content-Type": "audio/wav"})

    eventually(lambda: ask(sound).status_code == 200)
    found = ask(sound).json()
    said = [(one["label"], one["span"]) for one in found["predictions"]]
    assert said == [("loud", [0.0, 1.0]), ("quiet", [1.0, 2.0])]
    assert found["predictions"][0]["scores"][0]["score"] > 0.9
    assert (found["model"]["task"], found["model"]["version"]) == (loudness.TASK, "1.0.0")
    # A sine of amplitude 0.5 has 3 dB less than its peak.
    assert found["level_db"] == pytest.approx(-9.03, abs=0.1)
    assert (found["width"], found["height"]) == (None, None)
    assert found["times"]["run_ms"] >= 0.0
    assert ask(b"no sound at all").status_code == 400
    assert ask(b"").status_code == 400
    # The server that is away may have it.
    assert ask(sound, "test.other").status_code == 503


def test_without_a_server_it_is_said(console: ConsoleServer, browse: Callable[..., Any]) -> None:
    answer = browse(console, "viv").post("/api/v1/try/test.sounds", content=b"x")
    assert (answer.status_code, "PIPIT_CONSOLE_SERVERS" in answer.text) == (503, True)
