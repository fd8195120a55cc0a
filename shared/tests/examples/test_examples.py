"""Every example as a user calls it, and every snippet that shows the client, against real servers."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pipit.bundle import Bundle
from pipit.bundle.keys import SigningKey, raw_key
from pipit.bundle.signing import generate_key, key_id, save_private_key
from pipit.registry import RegistryClient

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "shared" / "examples"
WriteTone = Callable[..., Path]


def run(name: str, *arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of an example."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_it_says_how_to_call_it_and_stands_in_the_table(path: Path) -> None:
    code, out, _ = run(path.name, "--help")
    assert code == 0
    assert f"python {path.name}" in out
    assert f"]({path.name})" in (EXAMPLES / "README.md").read_text("utf-8")


def test_classify_a_file(inference_server: str, write_tone: WriteTone) -> None:
    code, out, _ = run("classify_file.py", inference_server, write_tone("door.wav", (1, 0.5)))
    first, *labels = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"test\.loudness 1\.0\.0 took \d+\.\d ms", first)
    assert labels == ["loud 1.00"]


def test_a_microphone(inference_server: str, loudness: ModuleType) -> None:
    """Any program that writes samples stands in for arecord. The last samples are no whole frame."""
    tone = np.concatenate([loudness.tone(1, 0.5), loudness.tone(1, 0.01), loudness.tone(1, 0.5)])
    samples = np.repeat((tone * 32767).astype("<i2")[:, np.newaxis], 2, axis=1)
    arguments = (inference_server, "--rate", loudness.RATE, "--channels", 2)
    code, out, error = run("microphone.py", *arguments, stdin=samples.tobytes() + b"\0")
    assert (code, error) == (0, "")
    assert out.splitlines() == ["0.0 s: loud 1.00", "2.0 s: loud 1.00"]  # Quiet is the background.


def test_a_camera(picture_server: str) -> None:
    """FFmpeg's plain white stands in for a camera."""
    pytest.importorskip("av", reason="needs the video extra")
    source = "lavfi:color=white:size=64x48:rate=10:duration=1,realtime"
    code, out, error = run("camera.py", picture_server, source)
    assert code == 0
    left_out = int(re.search(r"^(\d+) pictures were left out", error, re.MULTILINE)[1])  # type: ignore[index]
    assert out.splitlines() == ["bright 1.00"] * (10 - left_out)


def test_a_folder_in_bulk(inference_server: str, write_tone: WriteTone, tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    for number in range(6):
        write_tone(f"night/{number}.wav", (1, 0.5 if number % 2 else 0.001))
    (tmp_path / "night" / "broken.wav").write_text("no recording")
    code, out, error = run("folder.py", inference_server, tmp_path / "night")
    assert code == 1
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["file", "label", "score"]
    assert [row[:2] for row in rows[1:]] == [[f"{n}.wav", "loud" if n % 2 else "quiet"] for n in range(6)]
    assert error.startswith(f"{tmp_path / 'night' / 'broken.wav'}: not an audio file")
    assert len(error.splitlines()) == 1


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """host:port of a real registry on a local folder."""
    server_module = pytest.importorskip("model_registry.server", reason="needs services/registry")
    settings_module = pytest.importorskip("model_registry.settings")
    settings = settings_module.RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0, grace_seconds=1.0)
    server = server_module.RegistryServer(settings)
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


def test_publish_signed(registry: str, make_bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    key = generate_key()
    save_private_key(key, tmp_path / "signing.pem")
    bundle = make_bundle("1.3.0")
    with RegistryClient(registry) as client:
        client.trust_key(SigningKey(raw_key(key.public_key())))
        code, _, error = run("publish.py", registry, bundle.path)
        assert (code != 0, "the bundle is not signed" in error) == (True, True)
        assert run("publish.py", registry, bundle.path, "--key", tmp_path / "signing.pem")[0] == 0
        assert client.get_version("test.loudness", "1.3.0").version.signed_by == (key_id(key.public_key()),)


def test_publish_and_promote(registry: str, make_bundle: Callable[..., Bundle]) -> None:
    bundle = make_bundle("1.2.0")
    arguments = (registry, bundle.path, "--environment", "staging", "--reason", "heard a week")
    assert run("publish.py", *arguments) == (
        0,
        "test.loudness 1.2.0: published\nstaging points to 1.2.0\n",
        "",
    )
    assert run("publish.py", registry, bundle.path)[1] == "test.loudness 1.2.0: was there, the same\n"
    with RegistryClient(registry) as client:
        (move,) = client.history("test.loudness", "staging")
        assert (move.to_version, move.reason) == ("1.2.0", "heard a week")


def test_a_bundle_that_fails_its_gates_is_not_promoted(registry: str, make_bundle: Callable[..., Bundle]) -> None:
    code, out, error = run("publish.py", registry, make_bundle(accuracy=0.5).path, "--environment", "production")
    assert (code, out) == (1, "test.loudness 1.0.0: published\n")
    assert error.startswith("not promoted: ")


def snippets() -> list[Any]:
    """Every block of Python in the documentation that imports the client of answers; tests of people run theirs."""
    pages = [ROOT / "README.md", EXAMPLES / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
        for page in pages
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S))
        if "pipit.client" in block and "FacesClient" not in block
    ]


@pytest.mark.parametrize("block", snippets())
def test_the_documentation_s_snippets_run(
    block: str, inference_server: str, loudness: ModuleType, write_tone: WriteTone, tmp_path: Path
) -> None:
    """With the address of a server here, and a file and a microphone that a reader has."""
    write_tone("door.wav", (1, 0.5))
    np.save(tmp_path / "piece.npy", loudness.tone(1, 0.5))
    microphone = "import numpy\ndef microphone():\n    yield numpy.load('piece.npy').repeat(2)\n"
    script = microphone + block.replace("pi.local:50051", inference_server)
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "loud" in done.stdout
