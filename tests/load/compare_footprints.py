"""Recipes of `footprints.species` beside each other, with and without what each brings, on the same test pictures.

    python tests/load/compare_footprints.py RUNS [DETECTOR]

Needs PIPIT_DATA with `footprints`, `faces`, `expressions`, `tv_ad_frames` and the backbones. RUNS is a folder for the
runs; what was trained there is not trained again. DETECTOR: a bundle of `footprints.detector`, for the rows with crops
by it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from footprints.species.recipe import SpeciesRecipe
from footprints.species.task import SpeciesTrainer
from measure import write_csv
from numpy.typing import NDArray
from pipit.bundle.manifest import Metric
from pipit.settings import DataSettings, load_settings
from pipit.training.kit import exported
from pipit.training.parity import compare
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps

TASK = "footprints.species"
KEPT = (
    "accuracy",
    "mean_class_accuracy",
    "top3_accuracy",
    "macro_f1",
    "baseline.accuracy",
    "calibration_error",
    "family_accuracy",
    "baseline.family_accuracy",
    "risk_coverage_area",
    "detection_rate",
    "dynamic_loss_points",
    "size_mb.float32",
    "size_mb.dynamic",
)
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/footprints_species.csv`."""
    runs, *detector = sys.argv[1:]
    rows: list[Row] = []
    before: NDArray[np.bool_] | None = None
    for name, recipe in wanted(detector[0] if detector else None).items():
        trainer = SpeciesTrainer(recipe, load_settings(DataSettings).data)
        with open_run(trainer, Path(runs)) as run:
            run_steps(run, actions_of(trainer), "verify")
            right = answered_rightly(trainer, run)
            before = right if before is None else before
            rows += [*measured(name, run), gain(name, right, before)]
            if name == "tuned":
                rows += full_int8(name, trainer, run)
        # After each, so that whoever ends it early keeps what was measured.
        write_csv("footprints_species", rows)


def wanted(detector: str | None) -> dict[str, SpeciesRecipe]:
    """Recipes by what they are called in the table."""
    guide, tuned, together = (
        load_recipe(find_recipe(SpeciesTrainer.recipe_folder, TASK, name), SpeciesRecipe)
        for name in ("guide", "tuned", "together")
    )
    plain = tuned.augmentation.model_copy(update={"copies": 0})
    found = {
        "tuned": tuned,
        "together": together,
        "together, EfficientNet-Lite0 alone": together.model_copy(update={"beside": None}),
        "guide": guide,
        "tuned, no augmentation": tuned.model_copy(update={"augmentation": plain}),
        "tuned, frozen stage alone": tuned.model_copy(update={"stages": tuned.stages[:1]}),
    }
    if detector is not None:
        cropped = tuned.model_copy(update={"crops": tuned.crops.model_copy(update={"detector": detector})})
        found["tuned, crops by the detector"] = cropped
        found["tuned, frozen stage alone, crops by the detector"] = cropped.model_copy(
            update={"stages": tuned.stages[:1]}
        )
    return found


def measured(name: str, run: Run) -> list[Row]:
    """What `verify` found of the variant that serves."""
    metrics = {key: Metric.model_validate(value) for key, value in run.read_json("verify", "metrics.json").items()}
    families = ("f1.", "precision.", "recall.", "said.", "unknown_rate.", "likeness_area.")
    kept = [key for key in metrics if key in KEPT or key.startswith(families)]
    seconds = run.records()["fit"].seconds
    return [*(row(name, key, metrics[key]) for key in kept), row(name, "fit_seconds", Metric(value=seconds, samples=1))]


def answered_rightly(trainer: SpeciesTrainer, run: Run) -> NDArray[np.bool_]:
    """Of the test photographs, by the variant that serves; in the same order for every recipe with this split."""
    test = trainer.side(run, "test")
    file = trainer.variant_file(run, trainer.recipe.export.default_variant)
    with exported(file, trainer.kit.runtime, trainer.names) as ask:
        return np.asarray(ask(test.rows).argmax(axis=1) == test.truth)


def gain(name: str, right: NDArray[np.bool_], before: NDArray[np.bool_]) -> Row:
    """Accuracy more than the first recipe's, with a bootstrap over the same photographs."""
    differences = right.astype(float) - before
    drawn = np.random.default_rng(1).integers(0, len(right), (2000, len(right)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return row(name, "more_than_tuned", Metric(value=differences.mean(), samples=len(right), low=low, high=high))


def full_int8(name: str, trainer: SpeciesTrainer, run: Run) -> list[Row]:
    """What is lost where activations have 8 bits as well, which no recipe ships."""
    kit, names, test = trainer.kit, trainer.names, trainer.side(run, "test")
    network, calibration = kit.load(run.output("fit"), lambda: trainer.build(run)), trainer.calibration(run)
    trained = kit.outputs(network, test.rows)
    trainer.before_export(network, calibration)
    path = run.scratch("verify") / "int8.tflite"
    kit.export(network, {"int8": path}, names, test.rows, calibration)
    with exported(path, kit.runtime, names) as ask:
        parity = compare(trained, ask(test.rows), test.truth)
    size = path.stat().st_size / 1e6
    values = {"accuracy": parity.accuracy, "int8_loss_points": parity.loss, "agreement": parity.agreement}
    return [
        *(row(f"{name}, full int8", key, Metric(value=value, samples=parity.samples)) for key, value in values.items()),
        row(f"{name}, full int8", "size_mb", Metric(value=size, samples=0)),
    ]


def row(name: str, metric: str, found: Metric) -> Row:
    """One line of the table."""
    return {
        "recipe": name,
        "metric": metric,
        "value": round(found.value, 4),
        "low": "" if found.low is None else round(found.low, 4),
        "high": "" if found.high is None else round(found.high, 4),
        "samples": found.samples,
    }


if __name__ == "__main__":
    main()
