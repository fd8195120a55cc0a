"""The networks of `emotion.expression` beside each other and beside the trivial baseline, trained by their recipes.

    python tests/load/compare_emotion.py RUNS [recipe ...]

Needs PIPIT_DATA with `expressions` and `backbones`, and the networks that find faces
(python -m pipit.landmark_networks). RUNS is a folder for the runs; what was trained there is not trained again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from emotion.expression.features import feature_count
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.settings import INPUT
from emotion.expression.task import ExpressionTrainer
from measure import write_csv
from numpy.typing import NDArray
from pipit.bundle.manifest import Metric
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.intervals import bootstrap_groups
from pipit.training.kit import exported
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run, open_run
from pipit.training.sides import Side
from pipit.training.steps import actions_of, run_steps

RECIPES = ("guide", "temporal", "aligned", "joined", "mobilefacenet")
SOURCES = ("fer2013", "wild200")
"""Data sets, each with figures of its own."""
SIMPLER = "joined"
"""What later recipes are held against, face by face."""
ROUNDS = 200
SHARES = (
    "accuracy",
    "accuracy.all_pictures",
    "accuracy.landmarks_alone",
    "macro_f1.landmarks_alone",
    "macro_f1",
    "baseline.accuracy",
    "baseline.macro_f1",
    "detection_rate",
    *(f"{what}.{source}" for source in SOURCES for what in ("accuracy", "accuracy.all_pictures", "macro_f1")),
)
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/emotion_networks.csv`."""
    runs, *chosen = sys.argv[1:]
    data = load_settings(DataSettings).data
    rows: list[Row] = []
    right: dict[str, NDArray[np.bool_]] = {}
    for name in chosen or RECIPES:
        path = find_recipe(ExpressionTrainer.recipe_folder, "emotion.expression", name)
        trainer = ExpressionTrainer(load_recipe(path, ExpressionRecipe), data)
        with open_run(trainer, Path(runs)) as run:
            run_steps(run, actions_of(trainer), "verify")
            rows += measured(name, trainer.recipe, run)
            test = trainer.side(run, "test")
            right[name] = rightly_answered(trainer, run, test)
            if SIMPLER in right and name != SIMPLER:
                rows.append(beside_simpler(name, right[name], right[SIMPLER], test.groups, trainer.recipe.seed))
    write_csv("emotion_networks", rows)


def measured(name: str, recipe: ExpressionRecipe, run: Run) -> list[Row]:
    """What `verify` found, then size and time of each variant."""
    metrics = {key: Metric.model_validate(value) for key, value in run.read_json("verify", "metrics.json").items()}
    kept = [key for key in metrics if key in SHARES or key.startswith("f1.")]
    rows = [_row(name, key, m.value, "share", m.samples, m.low, m.high) for key in kept for m in (metrics[key],)]
    for variant, found in run.read_json("verify", "parity.json").items():
        path = run.output("export") / f"{variant}.onnx"
        rows += [
            _row(name, f"{variant} size", path.stat().st_size / 1e6, "MB"),
            _row(name, f"{variant} largest difference", found["largest_difference"], "score", found["samples"]),
            _row(name, f"{variant} loss", found["loss_points"], "points", found["samples"]),
            _row(name, f"{variant} median time of a face", _milliseconds(path, recipe), "ms", ROUNDS),
        ]
    return rows


def rightly_answered(trainer: ExpressionTrainer, run: Run, test: Side) -> NDArray[np.bool_]:
    """Whether the variant that serves names each test face as its label does."""
    path = trainer.variant_file(run, trainer.recipe.export.default_variant)
    with exported(path, trainer.kit.runtime, trainer.names) as ask:
        return np.asarray(ask(test.rows).argmax(axis=1) == test.truth)


def beside_simpler(
    name: str, right: NDArray[np.bool_], simpler: NDArray[np.bool_], group: NDArray[np.object_], seed: int
) -> Row:
    """How much more accuracy on the very same faces; the interval is over persons and pictures, drawn together."""
    more = right.astype(np.float64) - simpler
    low, high = bootstrap_groups(group, lambda weights: (weights @ more) / weights.sum(axis=-1), seed)
    return _row(name, f"accuracy, more than {SIMPLER}", float(more.mean()), "share", len(more), low, high)


def _row(
    recipe: str,
    what: str,
    value: float,
    unit: str,
    samples: int = 0,
    low: float | None = None,
    high: float | None = None,
) -> Row:
    digits = {key: "" if number is None else round(number, 6) for key, number in (("low", low), ("high", high))}
    return {"recipe": recipe, "what": what, "value": round(value, 6), **digits, "unit": unit, "samples": samples or ""}


def _milliseconds(path: Path, recipe: ExpressionRecipe) -> float:
    runtime = load_runtime(path, "onnx")
    columns = feature_count(recipe.features.kind)
    shape = (1, columns) if recipe.features.frames == 1 else (1, recipe.features.frames, columns)
    row = np.random.default_rng(1).random(shape, np.float32)
    times = []
    for _ in range(ROUNDS):
        begun = perf_counter()
        runtime.run({INPUT: row})
        times.append(perf_counter() - begun)
    runtime.close()
    return float(np.median(times)) * 1000


if __name__ == "__main__":
    main()
