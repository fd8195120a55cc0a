"""Synthetic landmarks for all tests, real pictures where they are, and manifests for the pipeline."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.expression.classes import LABELS
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.synthetic import write_synthetic_set
from numpy.typing import NDArray
from PIL import Image
from pipit.bundle.manifest import Manifest
from pipit.inputs import EncodedImage
from pipit.settings import DataSettings, load_settings


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
def encode() -> Callable[[NDArray[np.uint8]], EncodedImage]:
    def make(pixels: NDArray[np.uint8]) -> EncodedImage:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return EncodedImage(buffer.getvalue())

    return make


@pytest.fixture
def make_recipe() -> Callable[..., ExpressionRecipe]:
    def make(**changes: object) -> ExpressionRecipe:
        values: dict[str, object] = {
            "task": "emotion.expression",
            "name": "test",
            "network": "aligned",
            "data": [{"kind": "landmarks", "path": "synthetic_emotion", "licence": "none needed"}],
            "features": {"kind": "aligned"},
            "split": {"rule": "group"},
            "epochs": 2,
        }
        return ExpressionRecipe.model_validate({**values, **changes})

    return make


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    def make(kind: str = "landmarks", **parameters: Any) -> Manifest:
        return Manifest.model_validate(
            {
                "task": "emotion.expression",
                "version": "1.0.0",
                "model_type": "aligned",
                "created_at": "2026-11-21T00:00:00+00:00",
                "labels": list(LABELS),
                "input": {"kind": kind},
                "pipeline": {"name": "emotion.expression", "parameters": {"features": "aligned", **parameters}},
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
