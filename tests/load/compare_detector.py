"""The footprints detector: what the guide's recipe reaches, and what 8 bits would take and give.

    python tests/load/compare_detector.py RUNS [KIND=FOLDER ...]

Needs PIPIT_DATA with `footprints`, `backbones`, `faces`, `expressions` and `tv_ad_frames`. RUNS is a folder for the
runs; what was trained there is not trained again. KIND=FOLDER: further pictures without a print, at any depth, of a
kind that no training saw. Of those that are nearly the same one counts.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from footprints.detector.recipe import DetectorRecipe
from footprints.detector.searching import LOWEST, exported_outputs, read_outputs, read_squares
from footprints.detector.task import DetectorTrainer
from footprints.prints import INPUT
from measure import write_csv
from pipit.bundle.manifest import Metric
from pipit.data.duplicates import alike, groups_of, perceptual_hash
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.pictures.listing import pictures_below, read_pixels
from pipit.training.intervals import proportion
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps

TASK = "footprints.detector"
ROUNDS = 60
COMPARED = ("average_precision", "precision", "recall", "false_pictures", "real.false", "real.false.unseen")
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/footprints_detector.csv`."""
    kinds = {kind: Path(folder) for kind, _, folder in (argument.partition("=") for argument in sys.argv[2:])}
    recipe = load_recipe(find_recipe(DetectorTrainer.recipe_folder, TASK, "guide"), DetectorRecipe)
    trainer = DetectorTrainer(recipe, load_settings(DataSettings).data)
    with open_run(trainer, Path(sys.argv[1])) as run:
        run_steps(run, actions_of(trainer), "verify")
        metrics = {key: Metric.model_validate(value) for key, value in run.read_json("verify", "metrics.json").items()}
        metrics["threshold"] = Metric(value=run.read_json("evaluate", "threshold.json"), samples=0)
        metrics |= {f"real.false.{kind}": found_in(trainer, run, folder) for kind, folder in kinds.items()}
        rows = [row("guide", key, metric) for key, metric in metrics.items()]
        rows += eight_bits(trainer, run)
    write_csv("footprints_detector", rows)


def found_in(trainer: DetectorTrainer, run: Run, folder: Path) -> Metric:
    """Share of the folder's pictures in which the network that would serve finds a print."""
    size = trainer.recipe.finding.size
    paths = pictures_below(folder)
    groups = groups_of(len(paths), alike([perceptual_hash(read_pixels(path, shorter_side=size)) for path in paths]))
    chosen = [paths[i] for i in sorted(set(groups))]
    squares, placements = read_squares(chosen, size)
    network = run.output("export") / f"{trainer.recipe.export.default_variant}.onnx"
    threshold = run.read_json("evaluate", "threshold.json")
    found = read_outputs(exported_outputs(network, squares), placements, trainer._finder(threshold))
    share = proportion(sum(map(bool, found)), len(found))
    assert share is not None, f"{folder} holds no pictures"
    return share.to_metric()


def eight_bits(trainer: DetectorTrainer, run: Run) -> list[Row]:
    """Float and full int8 on the same pictures, and the time of one picture, taken in turns."""
    size = trainer.recipe.finding.size
    test = [picture for picture in trainer._pictures(run) if picture.side == "test"]
    threshold = run.read_json("evaluate", "threshold.json")
    files = {variant: run.output("export") / f"{variant}.onnx" for variant in ("float32", "int8")}
    squares, placements = read_squares([picture.path for picture in test], size)
    rows: list[Row] = []
    for name, path in files.items():
        found = read_outputs(exported_outputs(path, squares), placements, trainer._finder(LOWEST))
        metrics = trainer._measure(run, test, found, threshold).metrics()
        rows += [row(name, key, metrics[key]) for key in COMPARED]
        rows.append(row(name, "size_mb", Metric(value=path.stat().st_size / 1e6, samples=0)))
    rows += [
        row(name, "picture_ms", Metric(value=value, samples=ROUNDS))
        for name, value in times(files, squares[:1]).items()
    ]
    return rows


def times(files: dict[str, Path], square: Any) -> dict[str, float]:
    """Medians in ms, one thread."""
    values = {INPUT: square.astype(np.float32) / np.float32(255)}
    taken: dict[str, list[float]] = {name: [] for name in files}
    with (
        closing(load_runtime(files["float32"], "onnx")) as one,
        closing(load_runtime(files["int8"], "onnx")) as other,
    ):
        for _ in range(ROUNDS):
            for name, runtime in (("float32", one), ("int8", other)):
                begin = time.perf_counter()
                runtime.run(values)
                taken[name].append((time.perf_counter() - begin) * 1000)
    return {name: float(np.median(several)) for name, several in taken.items()}


def row(name: str, metric: str, found: Metric) -> Row:
    """One line of the table."""
    return {
        "recipe": name,
        "what": metric,
        "value": round(found.value, 4),
        "low": None if found.low is None else round(found.low, 4),
        "high": None if found.high is None else round(found.high, 4),
        "samples": found.samples,
    }


if __name__ == "__main__":
    main()
