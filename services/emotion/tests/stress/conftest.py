"""A synthetic data set for all tests, people's own recordings made of points, manifests for the pipeline."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.stress.golden import synthesise_faces
from emotion.stress.past import Prior
from emotion.stress.pipeline import Calibration, parameters_of
from emotion.stress.recipe import StressRecipe
from emotion.stress.signals import SIGNALS
from emotion.stress.stream import StepReader
from emotion.stress.synthetic import write_synthetic_set
from numpy.typing import NDArray
from pipit.bundle.manifest import Manifest
from pipit.data.landmark_networks import install
from pipit.errors import Unavailable
from pipit.inputs.landmarks.files import LandmarkTable, Sources, write_landmarks
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
    """15 made-up people, three blocks of 26 minutes each."""
    return write_synthetic_set(tmp_path_factory.mktemp("data") / "synthetic_stress")


@pytest.fixture(scope="session")
def real_data() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / "stress").is_dir():
        pytest.skip("needs SWELL-KW's physiology: set PIPIT_DATA to a folder that holds stress")
    return data


@pytest.fixture(scope="session")
def real_faces() -> Path:
    """A folder of pictures by expression; the networks that find faces are there too."""
    data = load_settings(DataSettings).data
    folder = None if data is None else data / "expressions" / "wild200" / "train"
    if folder is None or not folder.is_dir():
        pytest.skip("needs real faces: set PIPIT_DATA to a folder that holds expressions")
    settings = load_settings(LandmarkSettings)
    try:
        install(settings.landmarks, settings.landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    return folder


def landmark_table(videos: dict[str, NDArray[np.float32]], seconds_apart: float) -> LandmarkTable:
    """videos: by file, one row a frame; a frame of zeros has no face. Every other face has a smaller one beside it."""
    rows: dict[str, list[Any]] = {name: [] for name in ("features", "source", "seconds", "face")}
    for index, frames in enumerate(videos.values()):
        for number, frame in enumerate(frames):
            for face in range(0 if not frame.any() else 1 + number % 2):
                rows["features"].append(frame if face == 0 else frame * 0.5)
                rows["source"].append(index)
                rows["seconds"].append(number * seconds_apart if len(frames) > 1 else np.nan)
                rows["face"].append(face)
    count = len(rows["face"])
    return LandmarkTable(
        features=np.array(rows["features"], np.float32).reshape(count, -1),
        source=np.array(rows["source"], np.int32),
        seconds=np.array(rows["seconds"], np.float64),
        face=np.array(rows["face"], np.int32),
        presence=np.ones(count, np.float32),
        body_presence=np.ones(count, np.float32),
        box=np.ones((count, 4), np.float32),
        sources=Sources(
            file=np.array(list(videos), np.str_),
            size=np.ones(len(videos), np.int64),
            modified=np.ones(len(videos), np.int64),
            pictures=np.array([len(frames) for frames in videos.values()], np.int32),
            empty=np.array([int((~frames.any(axis=1)).sum()) for frames in videos.values()], np.int32),
            problem=np.array([""] * len(videos), np.str_),
        ),
        options={"fps": 1 / seconds_apart},
    )


@pytest.fixture
def write_table() -> Callable[..., None]:
    def write(path: Path, videos: dict[str, NDArray[np.float32]], seconds_apart: float = 0.5) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_landmarks(path, landmark_table(videos, seconds_apart))

    return write


@pytest.fixture
def write_scores() -> Callable[..., None]:
    def write(folder: Path, rows: list[tuple[object, ...]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "scores.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("participant", "recording", "start_seconds", "end_seconds", "score"))
            writer.writerows(rows)

    return write


@pytest.fixture
def own(tmp_path: Path, write_table: Callable[..., None], write_scores: Callable[..., None]) -> Path:
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
