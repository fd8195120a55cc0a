"""Cross-validates the networks of `emotion.stress` on SWELL-KW, every participant tested exactly once.

    python crossvalidate_stress.py

PIPIT_DATA must hold stress. Participants are dealt into five rounds as in a training (`emotion.stress.rounds`); of
those who are not tested, a quarter validates: they stop the training and calibrate the scores. The tested ones decide
nothing.

Beside the networks stand a constant answer, a logistic regression on the means of a window, and the clock: a logistic
regression on the minutes since a participant began, which is no stress at all. Each is measured on all windows, and on
those of blocks 2 and 3 alone, where rest comes before each task instead of all neutral work before all stress.
`past`: whether what is known of a person ends with a block (recording) or goes on (participant).
Writes `stress_crossvalidation.csv`, `stress_participants.csv` and `stress_reliability.png`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from emotion.stress.network import train_network
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import LABELS
from emotion.stress.rounds import area_within, areas_by_person, deal
from emotion.stress.scores import clock_scores, fit_calibration, logistic_scores
from emotion.stress.task import StressTrainer
from emotion.stress.windows import Windows, joined
from measure import MEASURED, write_csv
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings
from pipit.training.evaluation import evaluate
from pipit.training.intervals import Estimate
from pipit.training.kit import exported
from pipit.training.plots import plot_reliability
from pipit.training.progress import LogProgress
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.roc import area_under_curve
from torch import nn

TASK = "emotion.stress"
KIT = StressTrainer.kit
PACKAGES = ("numpy", "torch", "lightning", "scikit-learn", "onnxruntime")
LEVEL = 0.5
FIRST_BLOCK = "1"
CONSTANT = "constant"
Scores = NDArray[np.float32]


@dataclass
class Tested:
    """What one model said of every participant, by one round after the other."""

    windows: list[Windows] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)

    def add(self, windows: Windows, scores: Scores) -> None:
        self.windows.append(windows)
        self.scores.append(scores)


def main() -> None:
    """Trains, and writes the tables."""
    arguments = _arguments()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    rows: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for past in arguments.pasts:
        models: dict[str, Tested] = {}
        for name in arguments.networks:
            overrides = {"features.past": past, "seed": arguments.seed}
            recipe = load_recipe(find_recipe(StressTrainer.recipe_folder, TASK, name), StressRecipe, overrides)
            # The references are the same for every network.
            _round_by_round(recipe, data, models, references=name == arguments.networks[0])
        for name, tested in models.items():
            windows, scores = joined(tested.windows), np.concatenate(tested.scores)
            rows += list(_rows(past, name, windows, scores, arguments.seed))
            people += list(_by_participant(past, name, windows, scores))
            if past == "recording" and name == arguments.reliability:
                both = np.stack([1.0 - scores, scores], axis=1)
                found = evaluate(LABELS, windows.truth(LEVEL), both, windows.participant)
                plot_reliability(MEASURED / "stress_reliability.png", found.calibration)
    write_csv("stress_crossvalidation", rows, PACKAGES)
    write_csv("stress_participants", people, PACKAGES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["small", "lstm", "tcn"])
    parser.add_argument("--pasts", nargs="+", default=["recording", "participant"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reliability", default="small", help="whose picture of reliability is drawn")
    return parser.parse_args()


def _round_by_round(recipe: StressRecipe, data: Path, models: dict[str, Tested], *, references: bool) -> None:
    for dealt in deal(recipe, StressTrainer(recipe, data).sources.items()):
        train, validation, test = dealt.train, dealt.validation, dealt.test
        if references:
            # What decides nothing may learn from everybody who is not tested.
            rest = joined([train, validation])
            share = float(rest.truth(LEVEL).mean())
            for name, scores in {
                CONSTANT: np.full(len(test), share, np.float32),
                "logistic regression": logistic_scores(rest, test, LEVEL),
                "clock": clock_scores(rest, test, LEVEL),
            }.items():
                models.setdefault(name, Tested()).add(test, scores)
        with TemporaryDirectory() as folder:
            scratch, logs = Path(folder) / "scratch", Path(folder) / "logs"
            scratch.mkdir()
            network, _ = train_network(recipe, train, validation, scratch, logs, LogProgress())
            known, said = (KIT.outputs(network, part.rows)[:, 0] for part in (validation, test))
            calibration = fit_calibration(known, validation.truth(LEVEL))
            models.setdefault(recipe.name, Tested()).add(test, calibration(said)[:, 1])
            rounded = _int8_logits(network, test, Path(folder) / "int8.onnx")
            models.setdefault(f"{recipe.name} int8", Tested()).add(test, calibration(rounded)[:, 1])


def _int8_logits(network: nn.Module, windows: Windows, path: Path) -> Scores:
    KIT.export(network, {"int8": path}, StressTrainer.names, windows.rows, None)
    with exported(path, KIT.runtime, StressTrainer.names) as ask:
        return ask(windows.rows)[:, 0]


def _rows(past: str, name: str, windows: Windows, scores: Scores, seed: int) -> Iterator[dict[str, Any]]:
    blocks = np.array([recording.rpartition("/")[2] for recording in windows.recording])
    for part, chosen in (("all", np.full(len(windows), True)), ("blocks 2 and 3", blocks != FIRST_BLOCK)):
        truth, said, people = windows.truth(LEVEL)[chosen], scores[chosen], windows.participant[chosen]
        both = np.stack([1.0 - said, said], axis=1)
        found = evaluate(LABELS, truth, both, people, seed=seed)
        estimates: dict[str, Estimate | None] = {
            # Each round has a constant of its own, so that they would rank rounds.
            "auc": None if name == CONSTANT else area_under_curve(truth, said, people, seed),
            "auc.within_participant": None if name == CONSTANT else area_within(truth, said, people, seed),
        }
        if part == "all":
            estimates |= {
                "accuracy": found.accuracy,
                "macro_f1": found.macro_f1,
                "calibration_error": Estimate(found.calibration.expected_error, found.samples),
                "log_loss": None if found.log_loss is None else Estimate(found.log_loss, found.samples),
            }
        for metric, estimate in estimates.items():
            if estimate is not None:
                yield {
                    "past": past,
                    "model": name,
                    "windows": part,
                    "metric": metric,
                    "value": round(estimate.value, 4),
                    "low": "" if estimate.low is None else round(estimate.low, 4),
                    "high": "" if estimate.high is None else round(estimate.high, 4),
                    "samples": estimate.samples,
                    "participants": len(set(people)),
                    "seed": seed,
                }


def _by_participant(past: str, name: str, windows: Windows, scores: Scores) -> Iterator[dict[str, Any]]:
    truth = windows.truth(LEVEL)
    for person, area in areas_by_person(truth, scores, windows.participant).items():
        own = windows.participant == person
        right = float(((scores[own] > LEVEL) == truth[own]).mean())
        yield {
            "past": past,
            "model": name,
            "participant": person.rpartition("/")[2],
            "windows": int(own.sum()),
            "stressed": int(truth[own].sum()),
            "auc": round(area, 4),
            "accuracy": round(right, 4),
        }


if __name__ == "__main__":
    main()
