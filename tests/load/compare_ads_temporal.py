"""`ad_detection.temporal` beside `ad_detection.frames`, on the same frames of SYNTHETIC channels and the same split.

    python tests/load/compare_ads_temporal.py FOLDER

Needs PIPIT_DATA with EfficientNet-Lite0's weights. FOLDER takes what is drawn and trained; what is there is not made
again. Channels 1 to 6 train and validate, 7 and 8 test, 101 to 104 come afterwards: as they are, and with their logos
taken away. A frame a second, of which single frames learn from every third: neighbours are nearly one picture. No
training frame is varied.

frames          single frames: EfficientNet-Lite0 as ImageNet left it, and a head (recipe base)
frames, mean    the same scores, each with those of the four seconds before as their mean: what memory alone gives
temporal        the LSTM over what ImageNet's weights see (recipe base)
on frames       the LSTM over the 256 features of the run `frames` (base with cnn.start_from)
small           both tasks' recipe `synthetic`
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ad_detection.channels.recordings import TEST, TRAINING, UNSEEN, Size
from ad_detection.flicker import flicker
from ad_detection.frames.recipe import FramesRecipe
from ad_detection.frames.synthetic import write_frames
from ad_detection.frames.task import FramesTrainer
from ad_detection.labelled_frames import TABLE, Frame
from ad_detection.measure import AD, detected
from ad_detection.temporal.cnn import make_cnn
from ad_detection.temporal.data import in_order, read_timed_frames, sequence_of, steps_of
from ad_detection.temporal.network import whole_network
from ad_detection.temporal.pipeline import CNN
from ad_detection.temporal.recipe import TemporalRecipe
from ad_detection.temporal.stream import INPUT
from ad_detection.temporal.task import TemporalTrainer
from ad_detection.temporal.window import Steps
from keras.models import load_model
from measure import milliseconds, side_by_side, write_csv
from numpy.typing import NDArray
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Metric
from pipit.data.frames.manifest import append_row, mend_manifest, read_manifest
from pipit.inputs import EncodedImage
from pipit.pipelines.networks import open_networks
from pipit.pipelines.pictures import INPUT as PIXELS
from pipit.pipelines.served import serve_bundle
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.pictures.networks.efficientnet_lite_weights import weights_file
from pipit.training.intervals import grouped_share
from pipit.training.progress import LogProgress
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.quantise import export_litert
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.roc import area_under_curve
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

TRAINED = Size(channels=(*TRAINING, *TEST), programmes=2, seconds=480.0, fps=Fraction(1), sound=False)
NEVER = Size(channels=UNSEEN, programmes=2, seconds=480.0, fps=Fraction(1), sound=False)
STEPS = Steps()
KEPT = (
    *("precision", "recall", "f1", "accuracy", "baseline.accuracy", "switches_an_hour", "flaps_an_hour"),
    *("int8_loss_points", "size_mb", "cnn_mb", "both_mb"),
)
PACKAGES = ("numpy", "ai-edge-litert", "keras")
Row = dict[str, object]


@dataclass(frozen=True)
class Scored:
    """Every frame of a set, in order. scores: of an advertisement."""

    scores: NDArray[np.float32]
    truth: NDArray[np.bool_]
    recordings: NDArray[Any]
    programmes: NDArray[Any]
    seconds: NDArray[np.float64]

    @property
    def mean(self) -> Scored:
        """The mean of each sequence's scores in the place of its last one."""
        steps = steps_of(self.recordings.tolist(), self.seconds.tolist(), STEPS)
        return replace(self, scores=np.array([self.scores[list(step.places)].mean() for step in steps], np.float32))


def main() -> None:
    """Prints and writes `docs/measured/ads_temporal.csv`."""
    folder, data = Path(sys.argv[1]), load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    thinned(drawn(folder / "synthetic_seconds", TRAINED), folder / "synthetic_thirds")
    unseen = drawn(folder / "unseen_seconds", NEVER)
    without_logo = drawn(folder / "unseen_seconds_no_logo", replace(NEVER, logo=False))
    rows: list[Row] = []
    bundles: dict[str, Bundle] = {}
    runs: dict[str, Path] = {}
    for name in ("frames", "temporal", "small frames", "small temporal", "on frames"):
        bundles[name], runs[name] = trained(name, folder, data, runs)
        kept = bundles[name].manifest.metrics
        rows += [row(name, "test channels", "threshold", key, kept[key]) for key in KEPT if key in kept]
        rows += measured(name, bundles[name], "unseen channels", unseen)
        if not name.startswith("small"):
            rows += measured(name, bundles[name], "unseen channels, logo removed", without_logo)
        if name == "temporal":
            rows += [*times(bundles[name], folder, data), *parity(bundles[name], folder, data)]
        write_csv("ads_temporal", rows, PACKAGES)


def drawn(folder: Path, size: Size) -> Path:
    """Frames of a set of channels, made where they are not there."""
    return folder if (folder / "SYNTHETIC.txt").is_file() else write_frames(folder, size)


def thinned(folder: Path, thin: Path) -> Path:
    """Every third frame of a set, made where it is not there."""
    if not (thin / TABLE).is_file():
        thin.mkdir(parents=True, exist_ok=True)
        mend_manifest(thin)
        for row in read_manifest(folder)[::3]:
            (thin / row.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / row.file, thin / row.file)
            append_row(thin, row)
        shutil.copyfile(folder / TABLE, thin / TABLE)
    return thin


def trained(name: str, folder: Path, data: Path, runs: Mapping[str, Path]) -> tuple[Bundle, Path]:
    """A bundle by its name in the module's text, and its run. runs: those that are there."""
    of_frames = name in ("frames", "small frames")
    changes: dict[str, object] = {
        "data.0.path": str(folder / ("synthetic_thirds" if of_frames else "synthetic_seconds")),
        "data.0.licence": "none needed; made by a program",
        "test_channels": [f"channel{number}" for number in TEST],
    }
    recipe_name = "synthetic" if name.startswith("small") else "base"
    trainer: FramesTrainer | TemporalTrainer
    if of_frames:
        changes |= {"augmentation.copies": 0}
        path = find_recipe(FramesTrainer.recipe_folder, "ad_detection.frames", recipe_name)
        trainer = FramesTrainer(load_recipe(path, FramesRecipe, changes), data)
    else:
        changes |= {"cnn.start_from": str(runs["frames"])} if name == "on frames" else {}
        path = find_recipe(TemporalTrainer.recipe_folder, "ad_detection.temporal", recipe_name)
        trainer = TemporalTrainer(load_recipe(path, TemporalRecipe, changes), data)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer), "verify")
        place = run.output("publish") / "bundle"
        made = open_bundle(place) if place.is_dir() else make_bundle(trainer, run, FIRST_VERSION, place)
        return made, run.folder


def asked(bundle: Bundle, folder: Path) -> Scored:
    """What a bundle says of every frame, as a stream of them is served; kept, for it takes minutes."""
    frames = in_order(read_timed_frames(folder).items)
    kept = folder.parent / "answers" / f"{bundle.digest[:16]}-{folder.name}.npy"
    if not kept.is_file():
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, np.array(list(_scores(bundle, frames)), np.float32))
    return Scored(
        np.load(kept),
        np.array([frame.label == AD for frame in frames]),
        np.array([frame.recording for frame in frames], object),
        np.array([frame.programme for frame in frames], object),
        np.array([frame.seconds for frame in frames]),
    )


def _scores(bundle: Bundle, frames: Sequence[Frame]) -> Iterator[float]:
    """Of an advertisement."""
    with serve_bundle(bundle) as served:
        stream, recording = None, ""
        for frame in frames:
            item = EncodedImage(frame.path.read_bytes())
            if frame.recording != recording:
                stream, recording = served.pipeline.open_stream(), frame.recording
            decoded = served.pipeline.decode(item) if stream is None else stream.push(item, frame.seconds)
            assert decoded is not None, frame.name
            (said,) = served.pipeline.interpret(served.runtime.run(decoded.tensors), decoded)
            yield next(score.score for score in said.scores if score.label == AD)


def measured(name: str, bundle: Bundle, what: str, folder: Path) -> list[Row]:
    """Of a bundle on a set, and of single frames' mean."""
    scored, threshold = asked(bundle, folder), bundle.manifest.decision.thresholds[AD]
    rows = rows_of(name, what, scored, threshold)
    if bundle.manifest.task == "ad_detection.frames":
        rows += rows_of(f"{name}, mean", what, scored.mean, threshold)
    return rows


def rows_of(name: str, what: str, of: Scored, threshold: float) -> list[Row]:
    """At the bundle's threshold, and by the better of two scores."""
    area = area_under_curve(of.truth.astype(int), of.scores, of.programmes)
    assert area is not None
    rows = [row(name, what, "", "auc", area.to_metric())]
    for at, least in (("threshold", threshold), ("better score", 0.5)):
        called = of.scores >= least
        found = detected(called, of.truth, of.programmes, 1)
        accuracy = grouped_share(called == of.truth, of.programmes, 1)
        assert accuracy is not None
        found |= {"accuracy": accuracy.to_metric()} | flicker(called, of.truth, of.recordings, of.seconds)
        rows += [row(name, what, at, key, metric) for key, metric in found.items()]
    return rows


def times(bundle: Bundle, folder: Path, data: Path) -> list[Row]:
    """A step with features that are kept, against the whole network on all five frames; one thread, no decoding."""
    draw = np.random.default_rng(1)
    side = int(bundle.manifest.pipeline.parameters["crop"])
    recipe = temporal_recipe()
    cnn = make_cnn(recipe, weights_file(data), 2, {}, folder, folder, LogProgress())
    head = load_model(bundle.path.parents[1] / "fit" / "network.keras")
    files = {name: folder / f"{name}.tflite" for name in ("cnn_float32", "whole_float32")}
    export_litert(cnn, "float32", files["cnn_float32"])
    export_litert(whole_network(cnn, head), "float32", files["whole_float32"])
    frames = draw.uniform(0, 255, (5, side, side, 3)).astype(np.float32)
    features = draw.uniform(0, 2, (1, *bundle.manifest.input.shape)).astype(np.float32)
    picture = in_order(read_timed_frames(folder / "unseen_seconds").items)[:5]
    with (
        open_networks(bundle.manifest.networks, bundle.file) as networks,
        closing(load_runtime(bundle.weights("int8"), "litert")) as head_int8,
        closing(load_runtime(bundle.weights("float32"), "litert")) as head_float,
        closing(load_runtime(files["cnn_float32"], "litert")) as cnn_float,
        closing(load_runtime(files["whole_float32"], "litert")) as whole_float,
        serve_bundle(bundle) as served,
    ):
        cnn_int8 = networks[CNN]
        stream = served.pipeline.open_stream()
        assert stream is not None
        (sequence,) = [sequence_of(picture)]
        jpegs = iter([EncodedImage(frame.path.read_bytes()) for frame in picture] * 1000)

        def step(cnn: Any, head: Any, of: NDArray[np.float32]) -> None:
            cnn.run({PIXELS: of})
            head.run({INPUT: features})

        def streamed() -> None:
            decoded = stream.push(next(jpegs))
            assert decoded is not None
            served.pipeline.interpret(served.runtime.run(decoded.tensors), decoded)

        found = side_by_side(
            {
                "int8, kept": partial(step, cnn_int8, head_int8, frames[:1]),
                "int8, five anew": partial(step, cnn_int8, head_int8, frames),
                "float32, kept": partial(step, cnn_float, head_float, frames[:1]),
                "float32, whole network": partial(whole_float.run, {PIXELS: frames[np.newaxis]}),
                "int8, JPEG to answer in a stream": streamed,
                "int8, five JPEG to answer": partial(served.answer, sequence),
            },
            60,
        )
    rows = [
        row("temporal", "one step", "", f"median_ms.{name}", Metric(value=milliseconds(seconds, 50), samples=60))
        for name, seconds in found.items()
    ]
    for name, one, other in (
        ("int8", "int8, five anew", "int8, kept"),
        ("float32", "float32, whole network", "float32, kept"),
    ):
        ratio = float(np.median(found[one]) / np.median(found[other]))
        rows.append(row("temporal", "one step", "", f"ratio.{name}", Metric(value=ratio, samples=60)))
    return rows


def parity(bundle: Bundle, folder: Path, data: Path) -> list[Row]:
    """What 8 bits cost the CNN: of frames that nobody saw, features of its float form beside those that serve."""
    frames = in_order(read_timed_frames(folder / "unseen_seconds").items)[::48]
    recipe = temporal_recipe()
    cnn = make_cnn(recipe, weights_file(data), 2, {}, folder, folder, LogProgress())
    with serve_bundle(bundle) as served:
        pipeline: Any = served.pipeline
        items = [EncodedImage(frame.path.read_bytes()) for frame in frames]
        eight = np.stack([pipeline.look(item) for item in items])
        pixels = np.stack([pipeline.pixels(item) for item in items])
    full = np.concatenate([cnn.predict_on_batch(pixels[start : start + 20]) for start in range(0, len(pixels), 20)])
    cosine = (eight * full).sum(axis=1) / np.linalg.norm(eight, axis=1) / np.linalg.norm(full, axis=1)
    values = {"cosine.lowest": cosine.min(), "cosine.median": np.median(cosine)}
    return [
        row("temporal", "CNN, int8 beside float32", "", name, Metric(value=float(value), samples=len(frames)))
        for name, value in values.items()
    ]


def temporal_recipe() -> TemporalRecipe:
    """Of the recipe base."""
    path = find_recipe(TemporalTrainer.recipe_folder, "ad_detection.temporal", "base")
    return load_recipe(path, TemporalRecipe)


def row(task: str, what: str, at: str, metric: str, found: Metric) -> Row:
    """One line of the table."""
    return {
        "task": task,
        "frames": what,
        "at": at,
        "metric": metric,
        "value": round(found.value, 4),
        "low": "" if found.low is None else round(found.low, 4),
        "high": "" if found.high is None else round(found.high, 4),
        "samples": found.samples,
    }


if __name__ == "__main__":
    main()
