"""The trainer of `home_security.sounds`: the six steps of `pipit.training.steps`.

prepare   reads every clip, names the bad ones, splits, computes log-mel of clips and their varied copies
fit       trains the recipe's network
evaluate  thresholds from validation clips, the report from test clips, both of the trained network
export    LiteRT float32, dynamic-range and int8
verify    every variant beside the trained network, and the metrics of the one that will serve
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime
from pipit.training.evaluation import Evaluation
from pipit.training.keras_distributed import weights_digest
from pipit.training.keras_group import joined
from pipit.training.model_card import VariantRow, write_model_card
from pipit.training.parity import compare, require_parity
from pipit.training.quantise import export_litert
from pipit.training.recipe import recipe_folder
from pipit.training.report import write_report
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.thresholds import choose_decision
from pipit.training.trainer import BundleDraft, VariantFile

from home_security.sounds.card import PACKAGES, model_card
from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.dataset import Clip
from home_security.sounds.fit import Rows, logits_of, train_network
from home_security.sounds.golden import golden_inputs
from home_security.sounds.pipeline import INPUT, OUTPUT, Collapse
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.report import measure, truth_of
from home_security.sounds.sides import describe, split_clips
from home_security.sounds.store import ClipStore
from home_security.sounds.yamnet import yamnet_file

SIDES = ("train", "validation", "test")
SHOWN = (
    "accuracy",
    "macro_f1",
    "accuracy.security",
    "false_positive_rate",
    "background_alarm_rate",
    "false_alarms_per_hour",
    "size_mb",
)
"""Metrics that people see first."""


class SoundsTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[SoundsRecipe]] = SoundsRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "yamnet"
    distributed: ClassVar[bool] = True

    def __init__(self, recipe: SoundsRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data
        self._store = ClipStore(recipe, data)

    def data_files(self) -> Mapping[str, Path]:
        """Clips, their tables, and YAMNet's weights where they are trained on."""
        files = self._store.files()
        weights = self._weights()
        return files if weights is None else files | {f"{weights.parent.name}/{weights.name}": weights}

    def prepare(self, run: Run) -> Facts:
        """Leaves `clips.json`: each clip with its side."""
        for source, listing in zip(self.recipe.data, self._store.listings(), strict=True):
            run.progress.say(f"{source.path}: {len(listing.clips) or 'no'} clips")
        listed = [problem for listing in self._store.listings() for problem in listing.problems]
        labels = choose_labels((clip.category for clip in self._store.clips()), self.recipe.labels)
        if not labels.alarms:
            raise InvalidInput("the data holds no security class; see `home_security.sounds.classes` for their names")
        sides = split_clips(self.recipe.split, self._store.clips(), labels, self.recipe.seed)
        by_side = {side: getattr(sides, side) for side in SIDES}
        unreadable = []
        kept: list[dict[str, str]] = []
        for side, clips in by_side.items():
            features, problems = self._store.features(run, side, clips)
            unreadable += problems
            kept += [_entry(clip, side) for clip in clips if clip.name in features]
        self._settle_problems(run, [*listed, *unreadable])
        counts = {side: sum(entry["side"] == side for entry in kept) for side in SIDES}
        if not all(counts.values()):
            raise InvalidInput(f"too few clips can be used: {counts}")
        run.write_json("prepare", "clips.json", kept)
        labels = self._store.labels(run)
        if labels.missing:
            run.progress.say(f"no clips of {', '.join(labels.missing)}: left out, this network will not know them")
        return {**counts, "labels": [*labels.names], "without_data": [*labels.missing], "bad_files": len(unreadable)}

    def fit(self, run: Run) -> Facts:
        """Leaves `network.keras`, `history.json` and TensorBoard's logs."""
        labels = self._store.labels(run)
        output = run.output("fit")
        train, validation = (self._store.samples(run, side, labels) for side in ("train", "validation"))
        with joined(run.worker) as group:
            if group is not None:
                prepared = run.records()["prepare"].outputs
                group.require_same(f"{self.recipe.digest} {run.dataset_digest} {prepared}", "recipe or data")
            network, fitted = train_network(
                self.recipe,
                len(labels.outputs),
                train,
                validation,
                self._weights(),
                run.scratch("fit"),
                output / "tensorboard",
                run.progress,
                group,
            )
        network.save(output / "network.keras")
        run.write_json("fit", "history.json", dict(fitted.history))
        best = {name: values[fitted.best_epoch] for name, values in fitted.history.items()}
        facts = {"epochs": len(fitted.history["loss"]), "best_epoch": fitted.best_epoch + 1, **best}
        return {**facts, "workers": run.worker.count, "weights_digest": weights_digest(network)}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `decision.json` and the trained network's report."""
        labels, network = self._store.labels(run), _load(run)
        validation, test = self._store.clips_of(run, "validation"), self._store.clips_of(run, "test")
        decision = choose_decision(
            labels.names,
            truth_of(validation, labels),
            self._trained_scores(run, network, "validation", labels),
            self.recipe.thresholds,
            labels.background,
        )
        run.write_json("evaluate", "decision.json", decision.model_dump(mode="json"))
        scores = self._trained_scores(run, network, "test", labels)
        evaluation = self._measure(scores, test, labels, decision)
        self._write_report(run, "evaluate", evaluation, scores, test, labels, decision)
        return {name: evaluation.metrics()[name].value for name in SHOWN if name in evaluation.metrics()}

    def export(self, run: Run) -> Facts:
        """Leaves `<variant>.tflite`."""
        network = _load(run)
        rows = self._store.samples(run, "train", self._store.labels(run)).rows[:, 0]
        chosen = np.random.default_rng(self.recipe.seed).permutation(len(rows))[
            : self.recipe.export.calibration_samples
        ]
        sizes = {}
        for variant in self.recipe.export.variants:
            path = _variant_file(run, variant)
            export_litert(network, variant, path, rows[chosen])
            sizes[f"{variant}_bytes"] = path.stat().st_size
        return sizes

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`, and the report, metrics and model card of the variant that will serve."""
        labels = self._store.labels(run)
        test = self._store.clips_of(run, "test")
        decision = Decision.model_validate(run.read_json("evaluate", "decision.json"))
        trained = self._trained_scores(run, _load(run), "test", labels)
        rows = self._store.samples(run, "test", labels).rows[:, 0]
        scores = {variant: self._exported_scores(run, variant, rows, labels) for variant in self.recipe.export.variants}
        parity = {variant: compare(trained, found, truth_of(test, labels)) for variant, found in scores.items()}
        run.write_json("verify", "parity.json", {variant: found.to_json() for variant, found in parity.items()})
        require_parity(parity)
        default = self.recipe.export.default_variant
        evaluation = self._measure(scores[default], test, labels, decision)
        sizes = {variant: _variant_file(run, variant).stat().st_size for variant in scores}
        metrics = evaluation.metrics()
        metrics |= {f"{name}_loss_points": Metric(value=p.loss, samples=p.samples) for name, p in parity.items()}
        metrics["size_mb"] = Metric(value=sizes[default] / 1e6, samples=0)
        run.write_json("verify", "best_scores.json", score_histogram(scores[default]).model_dump(mode="json"))
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        self._write_report(run, "verify", evaluation, scores[default], test, labels, decision)
        self._write_card(run, evaluation, decision, metrics, [VariantRow(v, sizes[v], parity[v]) for v in sizes])
        return {name: metric.value for name, metric in metrics.items() if name in SHOWN or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are synthetic: recordings are not ours to pass on."""
        labels = self._store.labels(run)
        front_end = self._store.front_end
        metrics = run.read_json("verify", "metrics.json")
        return BundleDraft(
            labels=labels.names,
            input=InputDescription(kind="audio", shape=front_end.shape, units=front_end.units),
            pipeline=PipelineReference(
                name=self.recipe.task,
                parameters={
                    "front_end": front_end.name,
                    "window_seconds": front_end.window_seconds,
                    "hop_seconds": front_end.hop_seconds,
                    "output_labels": list(labels.output_labels),
                    "priorities": labels.priorities,
                },
            ),
            variants=tuple(
                VariantFile(variant, "litert", _variant_file(run, variant)) for variant in self.recipe.export.variants
            ),
            decision=Decision.model_validate(run.read_json("evaluate", "decision.json")),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=golden_inputs(self.recipe.golden.samples, self.recipe.seed),
            best_scores=ScoreHistogram.model_validate(run.read_json("verify", "best_scores.json")),
            split_rule=describe(self.recipe.split, self.recipe.seed),
            files=_report_files(run),
        )

    def _weights(self) -> Path | None:
        return yamnet_file(self._data) if self.recipe.network == "yamnet" else None

    def _settle_problems(self, run: Run, problems: Sequence[str]) -> None:
        if not problems:
            return
        lines = "\n  ".join(problems)
        if not self.recipe.skip_bad_files:
            raise InvalidInput(
                f"{len(problems)} entries of the data can't be used; repair them, or set skip_bad_files:\n  {lines}"
            )
        run.progress.say(f"left out, because they can't be used:\n  {lines}")

    def _trained_scores(self, run: Run, network: keras.Model, side: str, labels: Labels) -> Rows:
        logits = logits_of(network, self._store.samples(run, side, labels).rows[:, 0])
        return Collapse(labels.names, labels.output_labels)(logits)

    def _exported_scores(self, run: Run, variant: str, rows: Rows, labels: Labels) -> Rows:
        """In the runtime that will serve it."""
        runtime = load_runtime(_variant_file(run, variant), "litert")
        try:
            return Collapse(labels.names, labels.output_labels)(runtime.run({INPUT: rows})[OUTPUT])
        finally:
            runtime.close()

    def _measure(self, scores: Rows, clips: Sequence[Clip], labels: Labels, decision: Decision) -> Evaluation:
        return measure(scores, clips, labels, decision, self._store.front_end.window_seconds, self.recipe.seed)

    def _write_report(
        self,
        run: Run,
        step: str,
        evaluation: Evaluation,
        scores: Rows,
        clips: Sequence[Clip],
        labels: Labels,
        decision: Decision,
    ) -> None:
        history = run.read_json("fit", "history.json")
        write_report(
            run.output(step) / "report",
            evaluation,
            truth_of(clips, labels),
            scores,
            decision,
            history=history,
            best_epoch=int(np.argmin(history["val_loss"])),
            packages=PACKAGES,
        )

    def _write_card(
        self,
        run: Run,
        evaluation: Evaluation,
        decision: Decision,
        metrics: Mapping[str, Metric],
        variants: Sequence[VariantRow],
    ) -> None:
        labels = self._store.labels(run)
        counts = {
            side: dict(Counter(labels.of(clip.category) for clip in self._store.clips_of(run, side))) for side in SIDES
        }
        absent = [
            s.path for s, listing in zip(self.recipe.data, self._store.listings(), strict=True) if not listing.clips
        ]
        card = model_card(self.recipe, labels, run, evaluation, decision, metrics, variants, counts, absent)
        write_model_card(run.output("verify") / "report" / "model_card.md", card)


def _variant_file(run: Run, variant: str) -> Path:
    return run.output("export") / f"{variant}.tflite"


def _load(run: Run) -> keras.Model:
    return keras.models.load_model(run.output("fit") / "network.keras")


def _entry(clip: Clip, side: str) -> dict[str, str]:
    return {
        "name": clip.name,
        "category": clip.category,
        "recording": clip.recording,
        "fold": clip.fold,
        "side": side,
    }


def _report_files(run: Run) -> dict[str, Path]:
    """What `verify` wrote about the variant that will serve."""
    return {f"report/{path.name}": path for path in sorted((run.output("verify") / "report").iterdir())}
