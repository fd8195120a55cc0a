"""The trainer of `emotion.expression`: the six steps of `pipit.training.steps`.

prepare   finds the face of every picture, names the bad ones, counts those without a face, splits by person
fit       trains the recipe's network
evaluate  thresholds from validation faces, the report from test faces, both of the trained network
export    ONNX float32 and int8
verify    every variant beside the trained network, and the metrics of the one that will serve
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pipit.answers import softmax
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import InvalidInput
from pipit.inputs.landmarks.networks import RUNTIME, network_paths
from pipit.runtimes import load_runtime
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.intervals import wilson
from pipit.training.model_card import VariantRow, write_model_card
from pipit.training.parity import compare, require_parity
from pipit.training.recipe import recipe_folder
from pipit.training.report import write_report
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.splits import split_samples
from pipit.training.thresholds import choose_decision
from pipit.training.torch_fit import load_weights, save_weights
from pipit.training.torch_onnx import export_onnx
from pipit.training.trainer import BundleDraft, NetworkFile, VariantFile
from torch import nn

from emotion.expression import mobilefacenet
from emotion.expression.card import PACKAGES, model_card
from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED, feature_count
from emotion.expression.fit import logits_of, rows_of, train_network
from emotion.expression.golden import golden_inputs
from emotion.expression.groups import group_names
from emotion.expression.network import build_network
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.settings import INPUT, OUTPUT, Settings
from emotion.expression.store import FaceStore

SIDES = ("train", "validation", "test")
SHOWN = ("accuracy", "accuracy.all_pictures", "accuracy.landmarks_alone", "macro_f1", "detection_rate", "size_mb")
"""Metrics that people see first."""
LARGEST_DIFFERENCE = 0.001
"""Of a score, between the trained network and its float32 export; a network this small comes nearer than others."""

Scores = NDArray[np.float32]


class ExpressionTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[ExpressionRecipe]] = ExpressionRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "mobilefacenet"
    distributed: ClassVar[bool] = False

    def __init__(self, recipe: ExpressionRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data
        self._store = FaceStore(recipe, data)

    def data_files(self) -> Mapping[str, Path]:
        """Pictures, landmark files; the networks that find faces, and the weights of one that is trained on."""
        # Before the weights: who has neither is to hear of the data first, which can be made without any.
        files = {**self._store.files(), **{f"networks/{p.name}": p for p in self._networks().values()}}
        weights = self._weights()
        return files if weights is None else files | {mobilefacenet.FILE.as_posix(): weights}

    def prepare(self, run: Run) -> Facts:
        """Leaves `faces.json`: the faces that were found, their group and side; and `without_face.json`."""
        listed = [problem for listing in self._store.listings() for problem in listing.problems]
        faces = self._store.faces()
        if not faces:
            raise InvalidInput("the data holds no faces with a label; look at the folders that the recipe names")
        search = self._store.search(run, faces)
        self._settle_problems(run, [*listed, *search.problems])
        kept = [face for face in faces if face.name in search.found]
        groups, alike = group_names(kept, search.found)
        sides = split_samples(
            self.recipe.split, [f.label for f in kept], groups, [f.fold for f in kept], self.recipe.seed
        )
        entries = []
        for side in SIDES:
            chosen = getattr(sides, side)
            missing = sorted(set(LABELS) - {kept[i].label for i in chosen})
            if missing:
                raise InvalidInput(f"the split leaves no {side} faces of {', '.join(missing)}; add pictures of them")
            entries += [{"name": kept[i].name, "group": groups[i], "side": side} for i in chosen]
        run.write_json("prepare", "faces.json", entries)
        run.write_json("prepare", "without_face.json", {f.name: f.label for f in faces if f.name in search.without})
        counts = Counter(entry["side"] for entry in entries)
        missed = len(search.without)
        run.progress.say(f"no face was found in {missed} of {missed + len(kept)} pictures; they neither train nor test")
        return {**counts, "without_face": missed, "look_alikes": alike, "bad_files": len(search.problems) + len(listed)}

    def fit(self, run: Run) -> Facts:
        """Leaves `network.pt`, `history.json` and TensorBoard's logs."""
        output = run.output("fit")
        train, validation = (self._store.samples(run, side) for side in ("train", "validation"))
        network, fitted = train_network(
            self.recipe,
            train,
            validation,
            run.scratch("fit"),
            output / "tensorboard",
            run.progress,
            self._weights(),
        )
        save_weights(network, output / "network.pt")
        run.write_json("fit", "history.json", dict(fitted.history))
        best = {name: values[fitted.best_epoch] for name, values in fitted.history.items()}
        return {"epochs": len(fitted.history["loss"]), "best_epoch": fitted.best_epoch + 1, **best}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `decision.json` and the trained network's report."""
        network = self._load(run)
        rows, truth = self._rows(run, "validation")
        decision = choose_decision(LABELS, truth, softmax(logits_of(network, rows)), self.recipe.thresholds)
        run.write_json("evaluate", "decision.json", decision.model_dump(mode="json"))
        rows, truth = self._rows(run, "test")
        scores = softmax(logits_of(network, rows))
        evaluation = self._measure(run, scores, truth)
        self._write_report(run, "evaluate", evaluation, scores, truth, decision)
        metrics = evaluation.metrics()
        return {name: metrics[name].value for name in SHOWN if name in metrics}

    def export(self, run: Run) -> Facts:
        """Leaves `<variant>.onnx`."""
        network, settings, calibration = self._load(run), self._settings(), self._calibration(run)
        sizes: dict[str, int] = {}
        for variant in self.recipe.export.variants:
            path = _variant_file(run, variant)
            row = {INPUT: np.zeros(settings.shape, np.float32)}
            export_onnx(network, variant, path, row, OUTPUT, calibration)
            sizes[f"{variant}_bytes"] = path.stat().st_size
        return sizes

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`, and the report, metrics and model card of the variant that will serve."""
        decision = Decision.model_validate(run.read_json("evaluate", "decision.json"))
        rows, truth = self._rows(run, "test")
        trained = softmax(logits_of(self._load(run), rows))
        scores: dict[str, Scores] = {v: _exported_scores(run, v, rows) for v in self.recipe.export.variants}
        parity = {variant: compare(trained, found, truth) for variant, found in scores.items()}
        run.write_json("verify", "parity.json", {variant: found.to_json() for variant, found in parity.items()})
        require_parity(parity, LARGEST_DIFFERENCE)
        default = self.recipe.export.default_variant
        evaluation = self._measure(run, scores[default], truth)
        sizes = {variant: _variant_file(run, variant).stat().st_size for variant in scores}
        metrics = evaluation.metrics() | self._over_all_pictures(run, evaluation.accuracy.value, len(truth))
        metrics |= {f"{name}_loss_points": Metric(value=p.loss, samples=p.samples) for name, p in parity.items()}
        if self._settings().landmarks_alone:
            rows[:, ALIGNED:] = 0.0
            alone = self._measure(run, _exported_scores(run, default, rows), truth).metrics()
            metrics |= {f"{name}.landmarks_alone": alone[name] for name in ("accuracy", "macro_f1")}
        metrics["size_mb"] = Metric(value=sizes[default] / 1e6, samples=0)
        run.write_json("verify", "best_scores.json", score_histogram(scores[default]).model_dump(mode="json"))
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        self._write_report(run, "verify", evaluation, scores[default], truth, decision)
        self._write_card(run, evaluation, decision, metrics, [VariantRow(v, sizes[v], parity[v]) for v in sizes])
        return {name: metric.value for name, metric in metrics.items() if name in SHOWN or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are made by a program: faces are not ours to pass on."""
        settings = self._settings()
        metrics = run.read_json("verify", "metrics.json")
        pictures = any(source.kind not in ("landmarks", "dfew") for source in self.recipe.data)
        parameters = asdict(settings)
        return BundleDraft(
            labels=LABELS,
            input=InputDescription(
                kind="image" if pictures else "landmarks", shape=settings.shape, units=f"features {settings.kind}"
            ),
            pipeline=PipelineReference(
                name=self.recipe.task, parameters={"features": parameters.pop("kind"), **parameters}
            ),
            variants=tuple(VariantFile(v, "onnx", _variant_file(run, v)) for v in self.recipe.export.variants),
            decision=Decision.model_validate(run.read_json("evaluate", "decision.json")),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=golden_inputs(settings, self.recipe.golden.samples, self.recipe.seed),
            best_scores=ScoreHistogram.model_validate(run.read_json("verify", "best_scores.json")),
            split_rule=self._rule(),
            files={f"report/{p.name}": p for p in sorted((run.output("verify") / "report").iterdir())},
            networks={name: NetworkFile(RUNTIME, path) for name, path in self._networks().items()},
        )

    def _networks(self) -> dict[str, Path]:
        """Those that find faces in the pictures that the bundle takes, and bodies where the recipe looks for them."""
        return network_paths(body=self.recipe.features.body)

    def _settings(self) -> Settings:
        features = self.recipe.features
        return Settings(
            features.kind,
            features.body,
            features.frames,
            features.frame_seconds,
            features.smoothing_seconds,
            self.recipe.augmentation.crop_dropout > 0,
        )

    def _load(self, run: Run) -> nn.Module:
        network = build_network(self.recipe, feature_count(self.recipe.features.kind))
        load_weights(network, run.output("fit") / "network.pt")
        return network

    def _weights(self) -> Path | None:
        return mobilefacenet.weights_file(self._data) if self.recipe.network == "mobilefacenet" else None

    def _calibration(self, run: Run) -> dict[str, NDArray[np.float32]] | None:
        """Training rows for the network whose convolutions are large enough to gain by 8 bits."""
        if self.recipe.network != "mobilefacenet" or "int8" not in self.recipe.export.variants:
            return None
        rows, _ = self._rows(run, "train")
        count = min(self.recipe.export.calibration_samples, len(rows))
        chosen = np.random.default_rng(self.recipe.seed).choice(len(rows), count, replace=False)
        return {INPUT: rows[chosen]}

    def _rows(self, run: Run, side: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        samples = self._store.samples(run, side)
        return rows_of(self.recipe, samples), samples.truth

    def _entries(self, run: Run, side: str) -> list[dict[str, str]]:
        return [entry for entry in run.read_json("prepare", "faces.json") if entry["side"] == side]

    def _settle_problems(self, run: Run, problems: Sequence[str]) -> None:
        if not problems:
            return
        lines = "\n  ".join(problems)
        if not self.recipe.skip_bad_files:
            raise InvalidInput(
                f"{len(problems)} entries of the data can't be used; repair them, or set skip_bad_files:\n  {lines}"
            )
        run.progress.say(f"left out, because they can't be used:\n  {lines}")

    def _measure(self, run: Run, scores: Scores, truth: NDArray[np.int64]) -> Evaluation:
        groups = np.array([entry["group"] for entry in self._entries(run, "test")], dtype=object)
        return evaluate(LABELS, truth, scores, groups, seed=self.recipe.seed)

    def _over_all_pictures(self, run: Run, accuracy: float, samples: int) -> dict[str, Metric]:
        """A picture without a face is answered by nothing, which is wrong.

        Such pictures have no side, so the accuracy over all is the product with the rate among all pictures: an
        estimate, without an interval. accuracy: of the test faces, so many as `samples`.
        """
        found, without = (len(run.read_json("prepare", name)) for name in ("faces.json", "without_face.json"))
        low, high = wilson(found, found + without)
        detected = found / (found + without)
        return {
            "detection_rate": Metric(value=detected, samples=found + without, low=low, high=high),
            "accuracy.all_pictures": Metric(value=accuracy * detected, samples=samples),
        }

    def _write_report(
        self, run: Run, step: str, evaluation: Evaluation, scores: Scores, truth: NDArray[np.int64], decision: Decision
    ) -> None:
        history = run.read_json("fit", "history.json")
        write_report(
            run.output(step) / "report",
            evaluation,
            truth,
            scores,
            decision,
            history=history,
            best_epoch=int(np.nanargmin(history["val_loss"])),
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
        labels = {face.name: face.label for face in self._store.faces()}
        counts: dict[str, Any] = {
            side: dict(Counter(labels[entry["name"]] for entry in self._entries(run, side))) for side in SIDES
        }
        absent = [
            s.path for s, listing in zip(self.recipe.data, self._store.listings(), strict=True) if not listing.faces
        ]
        card = model_card(self.recipe, run, evaluation, decision, metrics, variants, counts, self._rule(), absent)
        write_model_card(run.output("verify") / "report" / "model_card.md", card)

    def _rule(self) -> str:
        rule = self.recipe.split
        if rule.rule == "fold":
            tests, validates = ", ".join(rule.test_folds), ", ".join(rule.validation_folds)
            return f"parts {tests} test, parts {validates} validate, others train"
        return (
            f"persons where they are known, else pictures with their look-alikes, drawn with seed {self.recipe.seed}, "
            f"stratified by class: {rule.test_share:.0%} test, {rule.validation_share:.0%} validate, others train"
        )


def _variant_file(run: Run, variant: str) -> Path:
    return run.output("export") / f"{variant}.onnx"


def _exported_scores(run: Run, variant: str, rows: NDArray[np.float32]) -> Scores:
    """In the runtime that will serve it."""
    runtime = load_runtime(_variant_file(run, variant), "onnx")
    try:
        return softmax(runtime.run({INPUT: rows})[OUTPUT])
    finally:
        runtime.close()
