from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipit.cli.exit_codes import ExitCode
from pipit.errors import Unavailable
from pipit.landmark_networks import FOLDER, install
from pipit.landmarks.files import read_landmarks
from pipit.settings import LandmarkSettings, load_settings

data = pytest.importorskip("skimage.data", reason="needs scikit-image, which carries the photograph")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        install(FOLDER, load_settings(LandmarkSettings).landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    folder = tmp_path / "pictures"
    (folder / "happy").mkdir(parents=True)
    Image.fromarray(data.astronaut()).save(folder / "happy" / "face.jpg")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "happy" / "dark.png")
    (folder / "happy" / "broken.jpg").write_bytes(b"no")
    return folder


def test_writes_the_file_and_the_list_of_pictures_without_a_face(pipit: Any, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "faces.npz"
    called = pipit("data", "landmarks", "--input", folder, "--output", output, "--processes", 1, "--no-body", "--json")
    assert called.code == 0
    assert called.json() == {
        "output": str(output),
        "files": 3,
        "pictures": 2,
        "faces": 1,
        "files_without_face": 1,
        "without_face": str(tmp_path / "faces.without_face.txt"),
        "problems": {"happy/broken.jpg": "not a picture; send a JPEG, PNG, WebP, GIF, TIFF or BMP file"},
    }
    assert (tmp_path / "faces.without_face.txt").read_text() == "happy/dark.png\n"
    table = read_landmarks(output)
    assert table.file.tolist() == ["happy/face.jpg"]
    assert table.options == {"faces": 1, "body": False, "frames_per_second": None}
    assert not table.features[:, 1404:].any()

    again = pipit("data", "landmarks", "--input", folder, "--output", output, "--processes", 1, "--no-body")
    assert "1 faces in 2 pictures of 3 files" in again.out
    assert "bad happy/broken.jpg: not a picture" in again.out


def test_what_the_user_gets_wrong(pipit: Any, tmp_path: Path) -> None:
    called = pipit("data", "landmarks", "--input", tmp_path, "--output", tmp_path / "faces.csv")
    assert called.code == ExitCode.BAD_INPUT
    assert f"name it {tmp_path / 'faces.npz'}" in called.err.replace("\n", "")
    called = pipit("data", "landmarks", "--input", tmp_path / "missing", "--output", tmp_path / "faces.npz")
    assert called.code == ExitCode.NOT_FOUND


def test_other_data_commands_need_none_of_its_libraries() -> None:
    program = (
        "import sys, pipit.cli.data; print([name for name in ('PIL', 'av', 'ai_edge_litert') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
