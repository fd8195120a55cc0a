"""`ad_detection.frames` on SYNTHETIC channels that training never saw, and on frames of real spots.

    python tests/load/compare_ad_frames.py FOLDER

Needs PIPIT_DATA with EfficientNet-Lite0's weights and `tv_ad_frames`. FOLDER takes what is drawn and trained; what is
there is not made again. Channels 1 to 6 train and validate, 7 and 8 test, 101 to 104 come afterwards: as they are, and
with their logos taken away. Spots are advertisements only, so that of them nothing but the share found can be said.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from ad_detection.channels.recordings import TEST, TRAINING, UNSEEN, Size, read_kinds
from ad_detection.frames.recipe import FramesRecipe
from ad_detection.frames.synthetic import write_frames
from ad_detection.frames.task import FramesTrainer
from ad_detection.measure import AD
from measure import milliseconds, side_by_side, write_csv
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Metric
from pipit.data.frames.manifest import read_manifest
from pipit.pipelines.pictures import INPUT
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.bundle_evaluation import BundleEvaluation, evaluate_bundle
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

TASK = "ad_detection.frames"
TRAINED = Size(channels=(*TRAINING, *TEST), programmes=4, seconds=900.0, fps=Fraction(1, 9), sound=False)
NEVER = Size(channels=UNSEEN, programmes=2, seconds=900.0, fps=Fraction(1, 9), sound=False)
KEPT = ("precision", "recall", "f1", "accuracy", "baseline.accuracy", "average_precision.ad", "background_alarm_rate")
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ad_frames.csv`."""
    folder, data = Path(sys.argv[1]), load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    sets = {
        "channels that train": drawn(folder / "synthetic_channels", TRAINED),
        "unseen channels": drawn(folder / "synthetic_unseen", NEVER),
        "unseen channels, logo removed": drawn(folder / "synthetic_unseen_no_logo", replace(NEVER, logo=False)),
        "real spots": real_spots(folder / "real_spots", data / "tv_ad_frames"),
    }
    rows: list[Row] = []
    for name in ("base", "small"):
        bundle = trained(name, folder, data)
        rows += [row(name, "test channels", key, bundle.manifest.metrics[key]) for key in KEPT]
        rows += [
            row(name, "test channels", key, found)
            for key, found in bundle.manifest.metrics.items()
            if key in ("size_mb", "int8_loss_points")
        ]
        for what, place in list(sets.items())[1:]:
            found = evaluate_bundle(bundle, [place])
            kept = ("recall", "accuracy") if what == "real spots" else KEPT
            rows += [row(name, what, key, found.metrics[key]) for key in kept]
            if what != "real spots":
                rows += by_kind(name, what, place, found)
        rows += times(name, bundle)
        write_csv("ad_frames", rows, ("numpy", "ai-edge-litert", "keras"))


def drawn(folder: Path, size: Size) -> Path:
    """A set of channels, made where it is not there."""
    if not (folder / "SYNTHETIC.txt").is_file():
        write_frames(folder, size)
    return folder


def real_spots(folder: Path, spots: Path) -> Path:
    """All of them as the one class that they are."""
    (folder / "ad").mkdir(parents=True, exist_ok=True)
    for path in sorted(spots.glob("*/*.jpg")):
        link = folder / "ad" / f"{path.parent.name}_{path.name}"
        if not link.exists():
            link.symlink_to(path)
    return folder


def trained(name: str, folder: Path, data: Path) -> Bundle:
    """base: the recipe on synthetic channels. small: the network of the recipe `synthetic` on the same."""
    recipe = load_recipe(
        find_recipe(FramesTrainer.recipe_folder, TASK, "base" if name == "base" else "synthetic"),
        FramesRecipe,
        {
            "data.0.path": str(folder / "synthetic_channels"),
            "data.0.licence": "none needed; made by a program",
            "test_channels": ["channel7", "channel8"],
        },
    )
    trainer = FramesTrainer(recipe, data)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer), "verify")
        place = run.output("publish") / "bundle"
        return open_bundle(place) if place.is_dir() else make_bundle(trainer, run, FIRST_VERSION, place)


def by_kind(name: str, what: str, place: Path, found: BundleEvaluation) -> list[Row]:
    """Of each kind of thing that a channel shows, the share that is called an advertisement."""
    assert found.answers is not None
    kinds, seen = read_kinds(place), {f"{place.name}/{one.file}": one for one in read_manifest(place)}
    called: dict[str, list[bool]] = {}
    for example, (prediction, *_) in found.answers.asked.answered:
        frame = seen[example.name]
        detected = any(score.label == AD and score.detected for score in prediction.scores)
        called.setdefault(str(kinds.label_at(frame.recording, frame.seconds)), []).append(detected)
    return [
        row(name, what, f"called_ad.{kind}", Metric(value=sum(hits) / len(hits), samples=len(hits)))
        for kind, hits in sorted(called.items())
    ]


def times(name: str, bundle: Bundle) -> list[Row]:
    """Of the network alone, one frame at a time."""
    side = bundle.manifest.input.shape[0]
    frame = np.random.default_rng(1).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
    rows = []
    for variant in bundle.manifest.variants:
        with closing(load_runtime(bundle.weights(variant.name), variant.runtime)) as runtime:
            found = side_by_side({variant.name: partial(runtime.run, {INPUT: frame})}, 60)
        value = milliseconds(found[variant.name], 50)
        rows.append(row(name, "one frame", f"median_ms.{variant.name}", Metric(value=value, samples=60)))
    return rows


def row(recipe: str, what: str, metric: str, found: Metric) -> Row:
    """One line of the table."""
    return {
        "recipe": recipe,
        "frames": what,
        "metric": metric,
        "value": round(found.value, 4),
        "low": "" if found.low is None else round(found.low, 4),
        "high": "" if found.high is None else round(found.high, 4),
        "samples": found.samples,
    }


if __name__ == "__main__":
    main()
