"""Tiny recordings, a frame a second, that are drawn in a moment: spots blink, programmes stand still."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ad_detection.labelled_frames import TABLE
from ad_detection.temporal.recipe import TemporalRecipe
from ad_detection.temporal.task import TemporalTrainer
from PIL import Image
from pipit.bundle import Bundle
from pipit.data.duplicates import perceptual_hash
from pipit.data.frames.manifest import FrameRow, append_row, hash_text, mend_manifest
from pipit.data.spans import Span, Spans
from pipit.data.spans.table import table_text
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps

BREAKS = ((15, 30), (45, 55))
"""Seconds of advertisements in each recording."""
SECONDS = 65
Trained = tuple[TemporalTrainer, Run, Bundle]


def frame_of(channel: int, programme: int, second: int, *, is_ad: bool) -> bytes:
    """A PNG of 64 x 48 pixels. Content has one ground a recording, spots another every second."""
    seed = [channel, programme, second] if is_ad else [channel, programme]
    draw = np.random.default_rng(seed)
    # Far enough apart that a network tells grounds that it has never seen, however a processor rounds its training.
    pixels = np.full((48, 64, 3), draw.integers(180, 256, 3) if is_ad else draw.integers(0, 80, 3), np.int64)
    own = np.random.default_rng([channel, programme, second, 1])
    # Blocks, so that no two frames are taken for one picture.
    pixels += np.kron(own.integers(-40, 41, (6, 8, 1)), np.ones((8, 8, 1), np.int64))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_recordings(folder: Path, channels: tuple[int, ...] = (1, 2, 3, 7), programmes: int = 2) -> Path:
    """As `pipit data frames` would leave them, with labels.csv."""
    folder.mkdir(parents=True)
    mend_manifest(folder)
    spans = []
    for channel in channels:
        for programme in range(programmes):
            recording = f"channel{channel}_{programme}"
            (folder / recording).mkdir()
            spans += [Span(recording, float(start), float(end), "ad") for start, end in BREAKS]
            for second in range(SECONDS):
                data = frame_of(channel, programme, second, is_ad=any(a <= second < b for a, b in BREAKS))
                file = f"{recording}/{second:03d}.png"
                (folder / file).write_bytes(data)
                bits = hash_text(perceptual_hash(np.asarray(Image.open(io.BytesIO(data)))))
                names = (recording, f"programme{channel}_{programme}", f"channel{channel}")
                append_row(folder, FrameRow(file, *names, float(second), "", second, bits, 0))
    (folder / TABLE).write_bytes(table_text(Spans(spans)).encode())
    return folder


def recipe_of(name: str = "synthetic", **changes: object) -> TemporalRecipe:
    """A recipe of the domain's. changes: by dotted key."""
    return load_recipe(
        find_recipe(TemporalTrainer.recipe_folder, "ad_detection.temporal", name), TemporalRecipe, changes
    )


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets that holds `synthetic_temporal`."""
    folder = tmp_path_factory.mktemp("data")
    write_recordings(folder / "synthetic_temporal")
    return folder


@pytest.fixture(scope="session")
def trained(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run of the recipe for machines without recordings."""
    trainer = TemporalTrainer(recipe_of(**{"epochs": 6, "cnn.epochs": 5}), recordings)
    with open_run(trainer, tmp_path_factory.mktemp("runs")) as run:
        run_steps(run, actions_of(trainer))
        yield trainer, run, make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
