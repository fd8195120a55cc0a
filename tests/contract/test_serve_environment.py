"""What an inference image holds: the environment of `services/<domain>/serve.lock.txt`, and nothing of a trainer."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv/serve-home_security/bin/python"

TRAINER_LIBRARIES = {
    "tensorflow", "tensorflow-cpu", "keras", "torch", "transformers", "ultralytics", "librosa", "numba", "scikit-learn",
    "scipy", "matplotlib", "tensorboard", "onnx",
}  # fmt: skip
NOT_ON_A_DEVICE = {"minio", "typer", "rich"}


@pytest.fixture(scope="module")
def python() -> Path:
    if not PYTHON.exists():
        pytest.skip("the serve environment is not made; run `make .venv/serve-home_security/.ready`")
    return PYTHON


def run(python: Path, code: str) -> str:
    done = subprocess.run([python, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_has_no_trainer_library(python: Path) -> None:
    code = "import importlib.metadata as m, json; print(json.dumps([d.name.lower() for d in m.distributions()]))"
    installed = set(json.loads(run(python, code)))
    assert "ai-edge-litert" in installed
    assert installed & (TRAINER_LIBRARIES | NOT_ON_A_DEVICE) == set()


def test_the_server_and_the_pipeline_import_without_them(python: Path) -> None:
    code = (
        "import sys, json, pipit.serving.server, pipit.runtimes.litert, pipit.runtimes.onnx;"
        "import home_security.sounds.pipeline, home_security.faces.pipeline;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = set(json.loads(run(python, code)))
    assert {"pipit", "home_security", "numpy", "grpc"} <= loaded
    assert loaded & (TRAINER_LIBRARIES | NOT_ON_A_DEVICE | {"sklearn"}) == set()


def test_a_training_command_says_what_to_install(python: Path) -> None:
    done = subprocess.run(
        [python.parent / "pipit", "--help"], capture_output=True, text=True, check=False, cwd=python.parent
    )
    assert done.returncode != 0
    assert "pipit-shared[cli]" in done.stderr
    assert "Traceback" not in done.stderr
