"""Members that a few lines make, blocks of them, and recordings that they know how to look at."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
import pytest
from ad_detection.blocks.members import member_of
from ad_detection.blocks.recipe import BlocksRecipe
from ad_detection.blocks.recordings import write_members
from ad_detection.blocks.synthetic import write_synthetic_set
from ad_detection.blocks.task import BlocksTrainer
from ad_detection.channels.film import write_film
from ad_detection.frames.pipeline import FramesPipeline
from PIL import Image
from pipit.bundle import Bundle, write_bundle
from pipit.bundle.golden import run_once, write_golden
from pipit.bundle.manifest import (
    Decision,
    FileEntry,
    GoldenSamples,
    InputDescription,
    Lineage,
    Manifest,
    PipelineReference,
    Variant,
)
from pipit.bundle.manifest_file import dump_manifest
from pipit.bundle.version import SemanticVersion
from pipit.inputs import EncodedImage
from pipit.pipelines.pictures import INPUT
from pipit.runtimes import load_runtime
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.quantise import export_litert
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

SIDE = 8
Film = Callable[..., Path]
RED, GREEN = (200, 40, 40), (40, 160, 60)
"""Of advertisements, and of the programme."""


def member_manifest() -> Manifest:
    """Of `ad_detection.frames` 1.2.0, which calls something an advertisement from 0.7 on."""
    return Manifest(
        task="ad_detection.frames",
        version=SemanticVersion("1.2.0"),
        model_type="small",
        created_at="2026-01-01T00:00:00Z",
        labels=("ad", "content"),
        input=InputDescription(kind="image", shape=(64, 64, 3)),
        pipeline=PipelineReference(name="ad_detection.frames", parameters={"crop": 64}),
        variants=(Variant(name="float32", runtime="litert", file="weights/float32.tflite"),),
        default_variant="float32",
        decision=Decision(thresholds={"ad": 0.7}, background="content"),
        golden=GoldenSamples(tolerance={"float32": 0.001}),
        lineage=Lineage(
            dataset_digest="1" * 64, split_rule="none", config_digest="2" * 64, code_version="test", seed=1
        ),
        files={name: FileEntry(sha256="3" * 64, size=1) for name in ("golden.npz", "weights/float32.tflite")},
    )


@pytest.fixture
def manifest() -> Manifest:
    """See `member_manifest`."""
    return member_manifest()


@pytest.fixture
def manifest_bytes(manifest: Manifest) -> bytes:
    """As the registry keeps it."""
    return dump_manifest(manifest)


@pytest.fixture(scope="session")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of `ad_detection.frames` that takes red pictures for advertisements."""
    folder = tmp_path_factory.mktemp("looks")
    pixels = keras.Input((SIDE, SIDE, 3), name=INPUT)
    mean = keras.layers.GlobalAveragePooling2D()(pixels)
    logits = keras.layers.Dense(2, name="logits")
    network = keras.Model(pixels, logits(mean))
    logits.set_weights([np.array([[0.02, -0.02], [-0.02, 0.02], [0.0, 0.0]], np.float32), np.zeros(2, np.float32)])
    weights, golden = folder / "float32.tflite", folder / "golden.npz"
    export_litert(network, "float32", weights)
    manifest = member_manifest().model_copy(
        update={
            "input": InputDescription(kind="image", shape=(SIDE, SIDE, 3)),
            "pipeline": PipelineReference(name="ad_detection.frames", parameters={"crop": SIDE}),
        }
    )
    runtime, item = load_runtime(weights, "litert"), EncodedImage(_png(RED))
    scores = run_once(item, manifest.labels, FramesPipeline(manifest), runtime)
    runtime.close()
    write_golden(golden, [item], {"float32": [scores]})
    return write_bundle(folder / "bundle", manifest, {"weights/float32.tflite": weights, "golden.npz": golden})


@pytest.fixture(scope="session")
def blocks(looks: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Made with `looks`, of scores that a program disturbed."""
    data = tmp_path_factory.mktemp("blocks")
    scores = data / "scores"
    scores.mkdir()
    write_synthetic_set(scores)
    for channel in ("channel3", "channel4"):
        shutil.rmtree(scores / channel)
    write_members(scores, [member_of(looks.manifest, looks.digest)])
    changes = {"data.0.path": str(scores), "ensemble": {"models": [str(looks.path)], "voting": "weighted"}}
    recipe = load_recipe(
        find_recipe(BlocksTrainer.recipe_folder, "ad_detection.blocks", "synthetic"), BlocksRecipe, changes
    )
    trainer = BlocksTrainer(recipe, data)
    with open_run(trainer, data / "runs") as run:
        run_steps(run, actions_of(trainer))
        return make_bundle(trainer, run, FIRST_VERSION, data / "bundle")


def _png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 18), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def film() -> Film:
    """Writes a recording: where, its breaks, its seconds, and whether it has sound."""
    return write_recording


def write_recording(path: Path, breaks: Iterable[tuple[int, int]], seconds: int, *, sound: bool = True) -> Path:
    """A picture a second: red in breaks, else green; the sound is a hum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = list(breaks)

    def pictures() -> Iterable[np.ndarray]:
        for second in range(seconds):
            colour = RED if any(start <= second < stop for start, stop in shown) else GREEN
            yield np.full((180, 320, 3), colour, np.uint8)

    hum = (0.1 * np.sin(np.arange(seconds * 16_000) * 0.1)).astype(np.float32) if sound else None
    write_film(path, pictures(), Fraction(1), hum)
    return path
