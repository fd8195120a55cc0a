"""The trainer of `emotion.stress`: the six steps of `pipit.training.steps`.

prepare   reads every recording, names what is wrong, splits participants, measures what is expected of a person
fit       trains the recipe's network
evaluate  calibrates scores and sets thresholds on validation participants, reports on test participants
export    ONNX float32 and int8
verify    every variant beside the trained network, and the metrics of the one that will serve
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import InvalidInput
from pipit.inputs.landmarks.networks import RUNTIME, network_paths
from pipit.runtimes import load_runtime
from pipit.training.intervals import Estimate
from pipit.training.model_card import VariantRow, write_model_card
from pipit.training.parity import compare, require_parity
from pipit.training.recipe import recipe_folder
from pipit.training.report import write_report
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.thresholds import choose_decision
from pipit.training.torch_fit import load_weights, save_weights
from pipit.training.torch_onnx import export_onnx
from pipit.training.trainer import BundleDraft, NetworkFile, VariantFile
from torch import nn

from emotion.stress.card import PACKAGES, describe, model_card
from emotion.stress.fit import logits_of, train_network
from emotion.stress.golden import golden_inputs
from emotion.stress.network import build_network
from emotion.stress.pipeline import INPUT, OUTPUT, Calibration, parameters_of
from emotion.stress.platt import fit_calibration
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import CALM, LABELS
from emotion.stress.report import Scores, counts_of, measure, ranking, references
from emotion.stress.signals import LANDMARKS
from emotion.stress.store import SIDES, RecordingStore
from emotion.stress.windows import Windows

SHOWN = ("accuracy", "auc", "baseline.accuracy", "reference.logistic.auc", "reference.clock.auc", "size_mb")
"""Metrics that people see first."""


class StressTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[StressRecipe]] = StressRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "small"
    distributed: ClassVar[bool] = False

    def __init__(self, recipe: StressRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._store = RecordingStore(recipe, data)

    def data_files(self) -> Mapping[str, Path]:
        """Tables, landmark files, and the networks that find landmarks."""
        return {**self._store.files(), **{f"networks/{path.name}": path for path in self._networks().values()}}

    def prepare(self, run: Run) -> Facts:
        """Leaves `participants.json`, who is on which side, and `prior.json`."""
        for source, listing in zip(self.recipe.data, self._store.listings(), strict=True):
            run.progress.say(f"{source.path}: {len(listing.recordings)} recordings")
        problems = [problem for listing in self._store.listings() for problem in listing.problems]
        self._settle_problems(run, problems)
        people = self._store.split()
        prior = self._store.prior(people["train"])
        sides = {side: self._store.windows(people[side], prior) for side in SIDES}
        counts = counts_of(self.recipe, sides)
        if not all(count for by_label in counts.values() for count in by_label.values()):
            raise InvalidInput(f"each side needs windows of both labels: {counts}; add people, or another seed")
        run.write_json("prepare", "participants.json", people)
        kept = {"mean": prior.mean.tolist(), "deviation": prior.deviation.tolist(), "weight": prior.weight}
        run.write_json("prepare", "prior.json", kept)
        run.write_json("prepare", "counts.json", counts)
        windows = {side: len(found) for side, found in sides.items()}
        return {**windows, "participants": {side: len(names) for side, names in people.items()}, "bad": len(problems)}

    def fit(self, run: Run) -> Facts:
        """Leaves `network.pt`, `history.json` and TensorBoard's logs."""
        output = run.output("fit")
        network, fitted = train_network(
            self.recipe,
            self._store.side(run, "train"),
            self._store.side(run, "validation"),
            run.scratch("fit"),
            output / "tensorboard",
            run.progress,
        )
        save_weights(network, output / "network.pt")
        run.write_json("fit", "history.json", dict(fitted.history))
        best = {name: values[fitted.best_epoch] for name, values in fitted.history.items()}
        weights = sum(parameter.numel() for parameter in network.parameters())
        return {"epochs": len(fitted.history["loss"]), "best_epoch": fitted.best_epoch + 1, "weights": weights, **best}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `calibration.json`, `decision.json`, `references.json` and the trained network's report."""
        network, level = self._network(run), self.recipe.features.stressed_from
        validation, test = self._store.side(run, "validation"), self._store.side(run, "test")
        known = logits_of(network, validation)
        calibration = fit_calibration(known, validation.truth(level))
        kept = {"scale": calibration.scale, "offset": calibration.offset}
        run.write_json("evaluate", "calibration.json", kept)
        truth = validation.truth(level)
        decision = choose_decision(LABELS, truth, calibration(known), self.recipe.thresholds, CALM)
        run.write_json("evaluate", "decision.json", decision.model_dump(mode="json"))
        found = references(self.recipe, self._store.side(run, "train"), test)
        run.write_json("evaluate", "references.json", {name: value.to_json() for name, value in found.items()})
        metrics = self._report(run, "evaluate", calibration(logits_of(network, test)), test, decision)
        return {name: metrics[name].value for name in SHOWN if name in metrics}

    def export(self, run: Run) -> Facts:
        """Leaves `<variant>.onnx`."""
        network = self._network(run)
        row = np.zeros((self.recipe.features.window, self.recipe.signals.channels), np.float32)
        sizes = {}
        for variant in self.recipe.export.variants:
            path = _variant_file(run, variant)
            export_onnx(network, variant, path, {INPUT: row}, OUTPUT)
            sizes[f"{variant}_bytes"] = path.stat().st_size
        return sizes

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`, and the report, metrics and model card of the variant that will serve."""
        test = self._store.side(run, "test")
        truth = test.truth(self.recipe.features.stressed_from)
        calibration, decision = _calibration(run), _decision(run)
        trained = calibration(logits_of(self._network(run), test))
        variants = self.recipe.export.variants
        scores = {variant: calibration(_exported_logits(run, variant, test)) for variant in variants}
        parity = {variant: compare(trained, found, truth) for variant, found in scores.items()}
        run.write_json("verify", "parity.json", {variant: found.to_json() for variant, found in parity.items()})
        require_parity(parity)
        default = self.recipe.export.default_variant
        metrics = self._report(run, "verify", scores[default], test, decision)
        sizes = {variant: _variant_file(run, variant).stat().st_size for variant in scores}
        metrics |= {f"{name}_loss_points": Metric(value=p.loss, samples=p.samples) for name, p in parity.items()}
        metrics["size_mb"] = Metric(value=sizes[default] / 1e6, samples=0)
        run.write_json("verify", "best_scores.json", score_histogram(scores[default]).model_dump(mode="json"))
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        card = model_card(
            self.recipe,
            run,
            measure(self.recipe, scores[default], test, decision),
            decision,
            metrics,
            [VariantRow(variant, sizes[variant], parity[variant]) for variant in sizes],
            run.read_json("prepare", "counts.json"),
            {side: len(names) for side, names in run.read_json("prepare", "participants.json").items()},
        )
        write_model_card(run.output("verify") / "report" / "model_card.md", card)
        return {name: metric.value for name, metric in metrics.items() if name in SHOWN or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are synthetic: what was measured of people is not ours to pass on."""
        features, signals = self.recipe.features, self.recipe.signals
        reader = self._store.reader(self._store.prior_of_run(run))
        return BundleDraft(
            labels=LABELS,
            input=InputDescription(kind="sequence", shape=(features.window, signals.channels), units=signals.units),
            pipeline=PipelineReference(name=self.recipe.task, parameters=parameters_of(reader, _calibration(run))),
            variants=tuple(VariantFile(v, "onnx", _variant_file(run, v)) for v in self.recipe.export.variants),
            decision=_decision(run),
            metrics={
                name: Metric.model_validate(value) for name, value in run.read_json("verify", "metrics.json").items()
            },
            golden=golden_inputs(reader, self.recipe.golden.samples, self.recipe.seed),
            best_scores=ScoreHistogram.model_validate(run.read_json("verify", "best_scores.json")),
            split_rule=describe(self.recipe),
            files={f"report/{path.name}": path for path in sorted((run.output("verify") / "report").iterdir())},
            networks={name: NetworkFile(RUNTIME, path) for name, path in self._networks().items()},
        )

    def _networks(self) -> dict[str, Path]:
        """Those that find landmarks in pictures, where the bundle takes any."""
        return network_paths() if self.recipe.signals is LANDMARKS else {}

    def _settle_problems(self, run: Run, problems: list[str]) -> None:
        if not problems:
            return
        lines = "\n  ".join(problems)
        if not self.recipe.skip_bad_rows:
            raise InvalidInput(
                f"{len(problems)} entries of the data can't be used; repair them, or set skip_bad_rows:\n  {lines}"
            )
        run.progress.say(f"left out, because they can't be used:\n  {lines}")

    def _network(self, run: Run) -> nn.Module:
        network = build_network(self.recipe.network, self.recipe.signals.channels, self.recipe.network_options)
        load_weights(network, run.output("fit") / "network.pt")
        return network

    def _report(self, run: Run, step: str, scores: Scores, test: Windows, decision: Decision) -> dict[str, Metric]:
        """Writes the report of a step; gives the metrics, those of this task too."""
        evaluation = measure(self.recipe, scores, test, decision)
        history = run.read_json("fit", "history.json")
        write_report(
            run.output(step) / "report",
            evaluation,
            test.truth(self.recipe.features.stressed_from),
            scores,
            decision,
            history=history,
            best_epoch=int(np.argmin(history["val_loss"])),
            packages=PACKAGES,
        )
        metrics = evaluation.metrics()
        area = ranking(self.recipe, scores[:, 1], test)
        if area is not None:
            metrics["auc"] = area.to_metric()
        for name, value in run.read_json("evaluate", "references.json").items():
            metrics[name] = Estimate(**value).to_metric()
        return metrics


def _variant_file(run: Run, variant: str) -> Path:
    return run.output("export") / f"{variant}.onnx"


def _calibration(run: Run) -> Calibration:
    return Calibration(**run.read_json("evaluate", "calibration.json"))


def _decision(run: Run) -> Decision:
    return Decision.model_validate(run.read_json("evaluate", "decision.json"))


def _exported_logits(run: Run, variant: str, windows: Windows) -> NDArray[np.float32]:
    """In the runtime that will serve it."""
    runtime = load_runtime(_variant_file(run, variant), "onnx")
    try:
        logits: NDArray[np.float32] = runtime.run({INPUT: windows.rows})[OUTPUT][:, 0]
        return logits
    finally:
        runtime.close()
