from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from footprints.detector.child import DetectorSettings
from footprints.detector.data import LABEL, SIDES
from footprints.detector.synthetic import draw, write_synthetic_set
from PIL import Image
from pipit.settings import load_settings


@pytest.fixture(scope="session")
def ultralytics() -> Path:
    """The Python that has ultralytics."""
    python = load_settings(DetectorSettings).ultralytics_python
    if not python.is_file():
        pytest.skip(f"needs ultralytics, which has an environment of its own, and there is no {python}")
    return python


@pytest.fixture(scope="session")
def drawn_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "synthetic_detector"
    write_synthetic_set(folder)
    return folder


@pytest.fixture
def drawn(drawn_once: Path, tmp_path: Path) -> Path:
    """A folder of data sets that holds `synthetic_detector`; the test may change it."""
    shutil.copytree(drawn_once, tmp_path / "synthetic_detector")
    return tmp_path


@pytest.fixture
def photographs(tmp_path: Path) -> Callable[[int], Path]:
    """Drawn photographs in two classes, split."""

    def make(count: int) -> Path:
        for side in ("train", "val"):
            for number in range(count):
                folder = tmp_path / "photographs" / side / ("cat", "dog")[number % 2]
                folder.mkdir(parents=True, exist_ok=True)
                pixels, _ = draw(np.random.default_rng((len(side), number)), 1)
                Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=92)
        return tmp_path / "photographs"

    return make


@pytest.fixture
def boxed(tmp_path: Path) -> Callable[..., Path]:
    """A set in YOLO's layout with one picture of 200 x 100 a side, and these lines beside the one that trains."""

    def make(lines: str = "0 0.5 0.5 0.2 0.4\n", **values: object) -> Path:
        folder = tmp_path / "boxed"
        for name in SIDES.values():
            for part in ("images", "labels"):
                (folder / part / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (200, 100), "grey").save(folder / "images" / name / "one.png")
            (folder / "labels" / name / "one.txt").write_text("0 0.5 0.5 0.2 0.4\n")
        (folder / "labels/train/one.txt").write_text(lines)
        given: dict[str, object] = {**{name: f"images/{name}" for name in SIDES.values()}, "names": [LABEL], **values}
        text = "".join(f"{key}: {value}\n" for key, value in given.items() if value is not None)
        (folder / "data.yaml").write_text(text)
        return folder

    return make
