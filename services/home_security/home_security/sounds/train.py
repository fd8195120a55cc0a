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
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference
from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.runtimes import load_runtime
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.evaluation import Evaluation
from pipit.training.model_card import VariantRow, write_model_card
from pipit.training.parity import Parity, compare
from pipit.training.quantise import export_litert
from pipit.training.report import write_report
from pipit.training.run import Facts, Run
from pipit.training.thresholds import choose_decision
from pipit.training.trainer import BundleDraft, VariantFile

from home_security.sounds.card import PACKAGES, model_card
from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.dataset import Clip, Listing, read_dataset
from home_security.sounds.features import FeatureMaker
from home_security.sounds.fit import Rows, Samples, logits_of, train_network
from home_security.sounds.golden import golden_inputs
from home_security.sounds.pipeline import INPUT, OUTPUT, Collapse, FrontEnd
from home_security.sounds.recipe import SoundSource, SoundsRecipe
from home_security.sounds.report import measure, truth_of
from home_security.sounds.sides import describe, split_clips
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
LARGEST_DIFFERENCE = 0.01
"""Of a score, between the trained network and its float32 export. More is not the same network."""
LEAST_AGREEMENT = 0.9
"""Share of test clips that a quantised variant answers as the trained network does. Fewer: the export went wrong."""


class SoundsTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[SoundsRecipe]] = SoundsRecipe
    recipe_folder: ClassVar[Path] = Path(__file__).parents[2] / "configs"
    default_recipe: ClassVar[str] = "yamnet"

    def __init__(self, recipe: SoundsRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data
        features = recipe.features
        self._front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
        self._listings: tuple[Listing, ...] | None = None

    def data_files(self) -> Mapping[str, Path]:
        """Clips, their tables, and YAMNet's weights where they are trained on."""
        files = {clip.name: clip.path for clip in self._clips()}
        for listing in self._read():
            files |= listing.tables
        weights = self._weights()
        return files if weights is None else files | {f"{weights.parent.name}/{weights.name}": weights}

    def prepare(self, run: Run) -> Facts:
        """Leaves `clips.json`: each clip with its side."""
        for source, listing in zip(self.recipe.data, self._read(), strict=True):
            run.progress.say(f"{source.path}: {len(listing.clips) or 'no'} clips")
        listed = [problem for listing in self._read() for problem in listing.problems]
        labels = choose_labels((clip.category for clip in self._clips()), self.recipe.labels)
        if not labels.alarms:
            raise InvalidInput("the data holds no security class; see `home_security.sounds.classes` for their names")
        sides = split_clips(self.recipe.split, self._clips(), labels, self.recipe.seed)
        by_side = {side: getattr(sides, side) for side in SIDES}
        unreadable = []
        kept: list[dict[str, str]] = []
        for side, clips in by_side.items():
            features, problems = self._features(run, side, clips)
            unreadable += problems
            kept += [_entry(clip, side) for clip in clips if clip.name in features]
        self._settle_problems(run, [*listed, *unreadable])
        counts = {side: sum(entry["side"] == side for entry in kept) for side in SIDES}
        if not all(counts.values()):
            raise InvalidInput(f"too few clips can be used: {counts}")
        run.write_json("prepare", "clips.json", kept)
        labels = self._labels(run)
        if labels.missing:
            run.progress.say(f"no clips of {', '.join(labels.missing)}: left out, this network will not know them")
        return {**counts, "labels": [*labels.names], "without_data": [*labels.missing], "bad_files": len(unreadable)}

    def fit(self, run: Run) -> Facts:
        """Leaves `network.keras`, `history.json` and TensorBoard's logs."""
        labels = self._labels(run)
        output = run.output("fit")
        network, fitted = train_network(
            self.recipe,
            len(labels.outputs),
            self._samples(run, "train", labels),
            self._samples(run, "validation", labels),
            self._weights(),
            run.scratch("fit"),
            output / "tensorboard",
            run.progress,
        )
        network.save(output / "network.keras")
        run.write_json("fit", "history.json", dict(fitted.history))
        best = {name: values[fitted.best_epoch] for name, values in fitted.history.items()}
        return {"epochs": len(fitted.history["loss"]), "best_epoch": fitted.best_epoch + 1, **best}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `decision.json` and the trained network's report."""
        labels, network = self._labels(run), _load(run)
        validation, test = self._clips_of(run, "validation"), self._clips_of(run, "test")
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
        rows = self._samples(run, "train", self._labels(run)).rows[:, 0]
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
        labels = self._labels(run)
        test = self._clips_of(run, "test")
        decision = Decision.model_validate(run.read_json("evaluate", "decision.json"))
        trained = self._trained_scores(run, _load(run), "test", labels)
        rows = self._samples(run, "test", labels).rows[:, 0]
        scores = {variant: self._exported_scores(run, variant, rows, labels) for variant in self.recipe.export.variants}
        parity = {variant: compare(trained, found, truth_of(test, labels)) for variant, found in scores.items()}
        run.write_json("verify", "parity.json", {variant: found.to_json() for variant, found in parity.items()})
        _require_parity(parity)
        default = self.recipe.export.default_variant
        evaluation = self._measure(scores[default], test, labels, decision)
        sizes = {variant: _variant_file(run, variant).stat().st_size for variant in scores}
        metrics = evaluation.metrics()
        metrics |= {f"{name}_loss_points": Metric(value=p.loss, samples=p.samples) for name, p in parity.items()}
        metrics["size_mb"] = Metric(value=sizes[default] / 1e6, samples=0)
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        self._write_report(run, "verify", evaluation, scores[default], test, labels, decision)
        self._write_card(run, evaluation, decision, metrics, [VariantRow(v, sizes[v], parity[v]) for v in sizes])
        return {name: metric.value for name, metric in metrics.items() if name in SHOWN or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are synthetic: recordings are not ours to pass on."""
        labels = self._labels(run)
        front_end = self._front_end
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
            split_rule=describe(self.recipe.split, self.recipe.seed),
            files=_report_files(run),
        )

    def _read(self) -> tuple[Listing, ...]:
        if self._listings is None:
            self._listings = tuple(self._listing(source) for source in self.recipe.data)
            counts = Counter(clip.name for listing in self._listings for clip in listing.clips)
            twice = [name for name, count in counts.items() if count > 1]
            if twice:
                raise InvalidInput(
                    f"{len(twice)} clips bear a name twice, for example {twice[0]}; rename a data folder"
                )
        return self._listings

    def _listing(self, source: SoundSource) -> Listing:
        try:
            folder = source.folder(self._data)
        except NotFound:
            if not source.optional:
                raise
            return Listing((), {}, ())
        return read_dataset(folder, source.kind, source.rename, train_only=source.train_only)

    def _clips(self) -> tuple[Clip, ...]:
        return tuple(clip for listing in self._read() for clip in listing.clips)

    def _weights(self) -> Path | None:
        return yamnet_file(self._data) if self.recipe.network == "yamnet" else None

    def _features(self, run: Run, side: str, clips: Sequence[Clip]) -> tuple[dict[str, Rows], list[str]]:
        """Log-mel by clip name, and a line for each clip that can't be used."""
        maker = FeatureMaker(
            self._front_end,
            self.recipe.augmentation,
            self.recipe.seed,
            ArrayCache(run.cache / "features"),
            self.recipe.workers,
        )
        digests = file_digests({clip.name: clip.path for clip in clips}, run.cache / "file_digests.json")
        copies = self.recipe.augmentation.copies if side == "train" else 0
        return maker.make(clips, digests, copies, run.progress, f"log-mel, {side} clips")

    def _clips_of(self, run: Run, side: str) -> list[Clip]:
        """The clips of a side as `prepare` left them."""
        by_name = {clip.name: clip for clip in self._clips()}
        return [by_name[entry["name"]] for entry in run.read_json("prepare", "clips.json") if entry["side"] == side]

    def _samples(self, run: Run, side: str, labels: Labels) -> Samples:
        clips = self._clips_of(run, side)
        features, problems = self._features(run, side, clips)
        if problems:
            raise InvalidInput("clips have changed since they were prepared:\n  " + "\n  ".join(problems))
        rows = np.stack([features[clip.name] for clip in clips])
        return Samples(rows, np.array([labels.outputs.index(clip.category) for clip in clips], np.int64))

    def _labels(self, run: Run) -> Labels:
        return choose_labels(
            (entry["category"] for entry in run.read_json("prepare", "clips.json")), self.recipe.labels
        )

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
        logits = logits_of(network, self._samples(run, side, labels).rows[:, 0])
        return Collapse(labels.names, labels.output_labels)(logits)

    def _exported_scores(self, run: Run, variant: str, rows: Rows, labels: Labels) -> Rows:
        """In the runtime that will serve it."""
        runtime = load_runtime(_variant_file(run, variant), "litert")
        try:
            return Collapse(labels.names, labels.output_labels)(runtime.run({INPUT: rows})[OUTPUT])
        finally:
            runtime.close()

    def _measure(self, scores: Rows, clips: Sequence[Clip], labels: Labels, decision: Decision) -> Evaluation:
        return measure(scores, clips, labels, decision, self._front_end.window_seconds, self.recipe.seed)

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
        labels = self._labels(run)
        counts = {side: dict(Counter(labels.of(clip.category) for clip in self._clips_of(run, side))) for side in SIDES}
        card = model_card(self.recipe, labels, run, evaluation, decision, metrics, variants, counts)
        write_model_card(run.output("verify") / "report" / "model_card.md", card)


def _variant_file(run: Run, variant: str) -> Path:
    return run.output("export") / f"{variant}.tflite"


def _require_parity(parity: Mapping[str, Parity]) -> None:
    for variant, found in parity.items():
        wrong = variant == "float32" and found.largest_difference > LARGEST_DIFFERENCE
        if wrong or found.agreement < LEAST_AGREEMENT:
            raise IntegrityError(f"variant {variant} is not the trained network ({found}); the export went wrong")


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
