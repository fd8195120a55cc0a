"""`ad_detection.frames` on SYNTHETIC channels that training never saw, and on frames of real spots.

    python tests/load/compare_ad_frames.py FOLDER

Needs PIPIT_DATA with the weights of EfficientNet-Lite0 and MobileNetV3-Small, and `tv_ad_frames`. FOLDER takes what is
drawn and trained; what is there is not made again. Channels 1 to 6 train and validate, 7 and 8 test, 101 to 104 come
afterwards: as they are, and with their logos taken away. Spots are advertisements only, so that of them nothing but the
share found can be said.

`show`, `sports` and `network` go on from `base` on channels of their own: eight episodes of one programme, eight
matches of eight channels, and eight programmes of one channel. What they forget is measured on channels 7 and 8.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ad_detection.channels.recordings import TEST, TRAINING, UNSEEN, Size, read_kinds
from ad_detection.frames.network import build_network
from ad_detection.frames.pipeline import whole_picture
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
from pipit.training.by_input.pictures.listing import read_pixels
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.quantise import export_litert
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

TASK = "ad_detection.frames"
TRAINED = Size(channels=(*TRAINING, *TEST), programmes=4, seconds=900.0, fps=Fraction(1, 9), sound=False)
FRAMES = Size(seconds=900.0, fps=Fraction(1, 9), sound=False)
SHORT = replace(FRAMES, fps=Fraction(1, 18))
TUNED = {
    "show": replace(SHORT, channels=(21,), programmes=1, episodes=8),
    "sports": replace(SHORT, channels=tuple(range(31, 39)), programmes=4, kinds=("pitch",)),
    "network": replace(SHORT, channels=(41,), programmes=8),
}
"""By recipe: what it goes on from the base for."""
NEVER = Size(channels=UNSEEN, programmes=2, seconds=900.0, fps=Fraction(1, 9), sound=False)
KEPT = ("precision", "recall", "f1", "accuracy", "baseline.accuracy", "average_precision.ad", "background_alarm_rate")
ONCE = ("size_mb", "int8_loss_points", "dynamic_loss_points")
FORGOTTEN = ("others.f1", "others.base_f1", "others.f1_loss_points")
RULES: dict[str, dict[str, Any]] = {
    "base": {},
    "base, few false alarms": {"thresholds": {"false_positive_rate": 0.02, "lowest": 0.5}},
    "base, a channel validates": {"validation_channels": ["channel6"]},
}
"""Of the threshold: what each changes in the recipe."""
UNKNOWN, WITHOUT, SPOTS = "unseen channels", "unseen channels, logo removed", "real spots"
ASKED = {
    "base": (UNKNOWN, WITHOUT, SPOTS),
    "base, a channel validates": (UNKNOWN,),
    "mobilenet": (UNKNOWN, SPOTS),
    "synthetic": (UNKNOWN,),
}
"""What is asked about beside a run's own test."""
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ad_frames.csv`."""
    folder, data = Path(sys.argv[1]), load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    channels = drawn(folder / "synthetic_channels", TRAINED)
    sets = {
        UNKNOWN: drawn(folder / "synthetic_unseen", NEVER),
        WITHOUT: drawn(folder / "synthetic_unseen_no_logo", replace(NEVER, logo=False)),
        SPOTS: real_spots(folder / "real_spots", data / "tv_ad_frames"),
    }
    own = {"data.0.path": str(channels), "test_channels": ["channel7", "channel8"]}
    bundles = {name: trained("base", {**own, **changes}, folder, data) for name, changes in RULES.items()}
    base = bundles["base"].path.parent.parent
    for name, size in TUNED.items():
        changes = {
            "data.0.path": str(drawn(folder / f"synthetic_{name}", size)),
            "data.1.path": str(channels),
            "data.1.test_channels": ["channel7", "channel8"],
            "start_from": str(base),
            # Varied copies would treble what takes longest.
            "augmentation.copies": 0,
        }
        bundles[name] = trained(name, changes, folder, data)
    bundles |= {name: trained(name, own, folder, data) for name in ("mobilenet", "synthetic")}
    rows: list[Row] = []
    for name in ("base", "mobilenet", "synthetic"):
        manifest = bundles[name].manifest
        files = {one.name: bundles[name].weights(one.name) for one in manifest.variants}
        rows += times(name, manifest.input.shape[0], files)
    rows += times("resnet", 224, random_resnet(folder / "resnet", channels))
    for name, bundle in bundles.items():
        rows += measured(name, bundle, {what: sets[what] for what in ASKED.get(name, ())})
        # As far as it is: the last lines take minutes.
        write_csv("ad_frames", rows, ("numpy", "ai-edge-litert", "keras"))


def measured(name: str, bundle: Bundle, sets: Mapping[str, Path]) -> list[Row]:
    """On its own test, and on what nobody trained on."""
    kept = bundle.manifest.metrics
    rows = [row(name, "own test", key, kept[key]) for key in (*KEPT, *ONCE, *FORGOTTEN) if key in kept]
    rows.append(
        row(name, "validation", "threshold", Metric(value=bundle.manifest.decision.thresholds["ad"], samples=0))
    )
    for what, place in sets.items():
        found = evaluate_bundle(bundle, [place])
        wanted = ("recall", "accuracy") if what == SPOTS else KEPT
        rows += [row(name, what, key, found.metrics[key]) for key in wanted]
        if what != SPOTS:
            rows += by_kind(name, what, place, found)
    return rows


def random_resnet(folder: Path, channels: Path) -> dict[str, Path]:
    """Of ResNet50 with random weights, for its size and its time: by variant."""
    recipe = load_recipe(find_recipe(FramesTrainer.recipe_folder, TASK, "resnet"), FramesRecipe)
    files = {variant: folder / f"{variant}.tflite" for variant in recipe.export.variants}
    if not all(path.is_file() for path in files.values()):
        network = build_network(recipe.model_copy(update={"weights": "none"}), None, 2)
        pictures = sorted(channels.glob("*/*.jpg"))[::200]
        some = np.stack([whole_picture(read_pixels(path), recipe.crop) for path in pictures]).astype(np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        for variant, path in files.items():
            export_litert(network, variant, path, some)
    return files


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


def trained(name: str, changes: Mapping[str, Any], folder: Path, data: Path) -> Bundle:
    """A bundle by the recipe of that name, in a run below FOLDER. changes: of the recipe's values."""
    recipe = load_recipe(find_recipe(FramesTrainer.recipe_folder, TASK, name), FramesRecipe, changes)
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


def times(name: str, side: int, files: Mapping[str, Path]) -> list[Row]:
    """Of the network alone, one frame at a time, one thread. files: by variant."""
    frame = np.random.default_rng(1).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
    rows = []
    for variant, path in files.items():
        with closing(load_runtime(path, "litert")) as runtime:
            found = side_by_side({variant: partial(runtime.run, {INPUT: frame})}, 60)
        value = milliseconds(found[variant], 50)
        rows.append(row(name, "one frame", f"median_ms.{variant}", Metric(value=value, samples=60)))
        size = Metric(value=path.stat().st_size / 1e6, samples=0)
        rows.append(row(name, "one frame", f"size_mb.{variant}", size))
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
