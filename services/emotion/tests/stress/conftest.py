"""A synthetic data set for all tests, people's own recordings made of points, manifests for the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.stress.past import Prior
from emotion.stress.pipeline import Calibration, parameters_of
from emotion.stress.recipe import StressRecipe
from emotion.stress.signals import SIGNALS
from emotion.stress.stream import StepReader
from emotion.stress.synthetic import synthesise_faces, write_synthetic_set
from pipit.bundle.manifest import Manifest
from pipit.settings import DataSettings, load_settings


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 made-up people, three blocks of 26 minutes each."""
    return write_synthetic_set(tmp_path_factory.mktemp("data") / "synthetic_stress")


@pytest.fixture(scope="session")
def real_data() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / "stress").is_dir():
        pytest.skip("needs SWELL-KW's physiology: set PIPIT_DATA to a folder that holds stress")
    return data


@pytest.fixture(scope="session")
def real_faces(networks_folder: Path) -> Path:
    """A folder of pictures by expression; the networks that find faces are there too."""
    data = load_settings(DataSettings).data
    folder = None if data is None else data / "expressions" / "wild200" / "train"
    if folder is None or not folder.is_dir():
        pytest.skip("needs real faces: set PIPIT_DATA to a folder that holds expressions")
    return folder


@pytest.fixture
def own(
    tmp_path: Path, write_table: Callable[..., None], write_scores: Callable[..., None], networks_folder: Path
) -> Path:
    """Six people, two videos of 40 s each; they draw their mouths in when they say that they are stressed."""
    folder = tmp_path / "data" / "own_stress"
    videos, rows = {}, []
    for person in range(6):
        for take in range(2):
            generator = np.random.default_rng([7, person, take])
            calm = synthesise_faces(40, generator, 0.0)
            videos[f"p{person}/{take}.mp4"] = np.concatenate([calm, synthesise_faces(40, generator, 1.0)])
            rows.append((f"p{person}", f"p{person}/{take}.mp4", 0, 20, 2))
            rows.append((f"p{person}", f"p{person}/{take}.mp4", 20, 40, 8))
    write_table(folder / "landmarks.npz", videos)
    write_scores(folder, rows)
    return folder


@pytest.fixture
def make_recipe() -> Callable[..., StressRecipe]:
    def make(**changes: object) -> StressRecipe:
        values: dict[str, object] = {
            "task": "emotion.stress",
            "name": "test",
            "network": "small",
            "data": [{"kind": "swell", "path": "synthetic_stress", "licence": "none needed"}],
            "features": {"window": 5, "step_seconds": 60},
            "split": {"rule": "group"},
            "optimiser": {"learning_rate": 0.02, "schedule": "plateau"},
            "epochs": 2,
            "batch_size": 64,
            "crossvalidation_rounds": 2,
        }
        return StressRecipe.model_validate({**values, **changes})

    return make


@pytest.fixture
def make_reader() -> Callable[..., StepReader]:
    def make(signals: str = "physiology", window: int = 3, hop: int = 1, step_seconds: float = 60.0) -> StepReader:
        kind = SIGNALS[signals]
        count = len(kind.names)
        mean, deviation = np.zeros(count), np.ones(count)
        if signals == "physiology":
            mean, deviation = np.array([70.0, -3.0, 5.0]), np.array([5.0, 0.3, 0.2])
        return StepReader(kind, Prior(mean, deviation, 10.0), window, hop, step_seconds)

    return make


@pytest.fixture
def make_manifest(make_reader: Callable[..., StepReader]) -> Callable[..., Manifest]:
    def make(
        signals: str = "physiology", window: int = 3, hop: int = 1, step_seconds: float = 60.0, **changes: Any
    ) -> Manifest:
        reader = make_reader(signals, window, hop, step_seconds)
        parameters = parameters_of(reader, Calibration(2.0, -0.5))
        return Manifest.model_validate(
            {
                "task": "emotion.stress",
                "version": "1.0.0",
                "model_type": "small",
                "created_at": "2026-11-21T00:00:00+00:00",
                "labels": ["calm", "stressed"],
                "input": {"kind": "sequence"},
                "pipeline": {"name": "emotion.stress", "parameters": {**parameters, **changes.pop("parameters", {})}},
                "variants": [{"name": "float32", "runtime": "onnx", "file": "weights/float32.onnx"}],
                "default_variant": "float32",
                "decision": {"thresholds": {"stressed": 0.7}, "background": "calm", "uncertain_margin": 0.1},
                "golden": {"tolerance": {"float32": 0.001}},
                "lineage": {
                    "dataset_digest": "0" * 64,
                    "split_rule": "none",
                    "config_digest": "0" * 64,
                    "code_version": "0",
                    "seed": 1,
                },
                "files": {},
                **changes,
            }
        )

    return make
