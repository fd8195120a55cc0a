"""The trainer of `footprints.species`: the six steps of `pipit.training.steps`.

prepare   reads every picture, names the bad ones and near-duplicates, splits, crops as the device would
fit       trains the recipe's stages, each with a checkpoint
evaluate  thresholds from validation crops, the report from test crops, both of the trained network
export    LiteRT float32 and int8
verify    every variant beside the trained network, and the metrics of the one that will serve
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.keras_distributed import weights_digest
from pipit.training.model_card import VariantRow, write_model_card
from pipit.training.parity import Parity, compare, require_parity
from pipit.training.quantise import export_litert
from pipit.training.recipe import recipe_folder
from pipit.training.report import write_report
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.thresholds import choose_decision
from pipit.training.trainer import BundleDraft, NetworkFile, VariantFile

from footprints.names import names_of
from footprints.species.backbone import FILE, backbone_file
from footprints.species.card import PACKAGES, model_card
from footprints.species.duplicates import alike
from footprints.species.fit import BATCH, Crops, Places, scores_of, train_network
from footprints.species.golden import golden_inputs
from footprints.species.measure import further_metrics
from footprints.species.mistakes import write_contact_sheet
from footprints.species.network import build_network, load_checkpoint, settle_norms
from footprints.species.recipe import SpeciesRecipe
from footprints.species.settings import CROP, DETECTOR, INPUT, OUTPUT
from footprints.species.sides import SIDES, describe, split_pictures
from footprints.species.squeezes import wake_squeezes
from footprints.species.store import FOLDER, PrintStore, read_crops, write_crops

SHOWN = (
    "accuracy",
    "mean_class_accuracy",
    "top3_accuracy",
    "macro_f1",
    "baseline.accuracy",
    "unknown_rate.prints",
    "unknown_rate.without_print",
    "size_mb",
)
"""Metrics that people see first."""
LEAST_AGREEMENT = 0.6
"""Of a variant with the trained network: their best two scores often lie close, and then 8 bits decide."""
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TestSide:
    """What the test is made of. region_scores: None without a detector. without_print: crops of no print."""

    crops: Crops
    groups: NDArray[Any]
    region_scores: NDArray[np.float64] | None
    without_print: NDArray[np.uint8]


class SpeciesTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[SpeciesRecipe]] = SpeciesRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "tuned"
    distributed: ClassVar[bool] = False

    def __init__(self, recipe: SpeciesRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data
        self._store = PrintStore(recipe, data)

    def data_files(self) -> Mapping[str, Path]:
        """Pictures; the backbone's weights, the checkpoint and the detector where they come from files."""
        files = {picture.name: picture.path for picture in self._store.pictures()}
        weights = self._weights()
        if weights is not None:
            files[FILE.as_posix()] = weights
        if self.recipe.start_from is not None:
            files["start_from.keras"] = Path(self.recipe.start_from).expanduser()
        detector = self._store.detector()
        if detector is not None:
            files["detector"] = detector.weights()
        return files

    def prepare(self, run: Run) -> Facts:
        """Leaves `crops/`, and `prints.json`: each picture with its side, its group and what the detector said."""
        for source, listing in zip(self.recipe.data, self._store.listings(), strict=True):
            run.progress.say(f"{source.path}: {len(listing.pictures) or 'no'} pictures")
        listed = [problem for listing in self._store.listings() for problem in listing.problems]
        seen, unusable = self._store.see_all(run)
        self._settle_problems(run, [*listed, *unusable])
        pictures = [picture for picture in self._store.pictures() if picture.name in seen]
        pairs = alike([seen[picture.name].hash for picture in pictures])
        sides = split_pictures(self.recipe.split, pictures, pairs, self.recipe.seed)
        for first, second in sides.torn:
            run.progress.say(
                f"nearly the same, on two sides of the split: {pictures[first].name} and {pictures[second].name}; "
                "the one that does not train is left out"
            )
        entries: list[dict[str, Any]] = [
            {
                "name": picture.name,
                "label": picture.label,
                "source": picture.source,
                "side": side,
                "group": group,
                "region_score": seen[picture.name].region_score,
                "file": f"{side}/{picture.label}/{number:06d}.png",
            }
            for number, (picture, side, group) in enumerate(zip(pictures, sides.sides, sides.groups, strict=True))
            if side
        ]
        untrained = {entry["label"] for entry in entries} - {e["label"] for e in entries if e["side"] == "train"}
        if untrained:
            raise InvalidInput(f"the split leaves nothing to train {', '.join(sorted(untrained))} on; add pictures")
        write_crops(run.output("prepare") / FOLDER, entries, seen)
        run.write_json("prepare", "prints.json", entries)
        counts = Counter(str(entry["side"]) for entry in entries)
        found = sum(entry["region_score"] > 0 for entry in entries)
        near = {"near_duplicates": len(pairs), "torn_pairs": len(sides.torn)}
        return {**counts, **near, "bad_files": len(listed) + len(unusable), "prints_found": found}

    def fit(self, run: Run) -> Facts:
        """Leaves `network.keras`, a checkpoint and a history for each stage, and TensorBoard's logs."""
        output, scratch = run.output("fit"), run.scratch("fit")
        train = self._crops(run, "train")
        network, histories = train_network(
            self.recipe,
            lambda: self._build(len(self._labels(run)), train),
            train,
            self._crops(run, "validation"),
            Places(scratch, output / "tensorboard", run.cache / "species"),
            run.progress,
        )
        facts: dict[str, Any] = {}
        for number, (stage, history) in enumerate(zip(self.recipe.stages, histories, strict=True), 1):
            shutil.copyfile(scratch / f"{number}_{stage.name}.keras", output / f"{number}_{stage.name}.keras")
            best = int(np.argmin(history["val_loss"]))
            facts[stage.name] = {"epochs": len(history["loss"]), "best_epoch": best + 1}
            facts[stage.name] |= {name: values[best] for name, values in history.items()}
        network.save(output / "network.keras")
        run.write_json("fit", "history.json", [dict(history) for history in histories])
        return {**facts, "weights_digest": weights_digest(network)}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `decision.json` and the trained network's report."""
        network = _load(run)
        validation, test = self._crops(run, "validation"), self._test_side(run)
        decision = choose_decision(
            self._labels(run), validation.truth, scores_of(network, validation.pixels), self.recipe.thresholds
        )
        run.write_json("evaluate", "decision.json", decision.model_dump(mode="json"))
        scores = scores_of(network, test.crops.pixels)
        evaluation = self._measure(run, scores, test)
        self._write_report(run, "evaluate", evaluation, scores, test, decision)
        metrics = evaluation.metrics() | self._further(test, scores, scores_of(network, test.without_print), decision)
        return {name: metrics[name].value for name in SHOWN if name in metrics}

    def export(self, run: Run) -> Facts:
        """Leaves `<variant>.tflite`."""
        network = _load(run)
        rows = self._crops(run, "train").pixels
        count = self.recipe.export.calibration_samples
        chosen = np.random.default_rng(self.recipe.seed).permutation(len(rows))[:count]
        wake_squeezes(network, rows[chosen])
        sizes = {}
        for variant in self.recipe.export.variants:
            path = _variant_file(run, variant)
            export_litert(network, variant, path, rows[chosen].astype(np.float32))
            sizes[f"{variant}_bytes"] = path.stat().st_size
        return sizes

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`, `mistakes.png`, and report, metrics and model card of the variant that will serve."""
        test = self._test_side(run)
        decision = Decision.model_validate(run.read_json("evaluate", "decision.json"))
        trained = scores_of(_load(run), test.crops.pixels)
        scores = {v: _exported_scores(run, v, test.crops.pixels) for v in self.recipe.export.variants}
        parity = {variant: compare(trained, found, test.crops.truth) for variant, found in scores.items()}
        run.write_json("verify", "parity.json", {variant: found.to_json() for variant, found in parity.items()})
        require_parity(parity, least_agreement=LEAST_AGREEMENT)
        default = self.recipe.export.default_variant
        evaluation = self._measure(run, scores[default], test)
        sizes = {variant: _variant_file(run, variant).stat().st_size for variant in scores}
        unprinted = _exported_scores(run, default, test.without_print)
        metrics = evaluation.metrics() | self._further(test, scores[default], unprinted, decision)
        metrics |= {f"{name}_loss_points": Metric(value=p.loss, samples=p.samples) for name, p in parity.items()}
        metrics |= {f"size_mb.{name}": Metric(value=size / 1e6, samples=0) for name, size in sizes.items()}
        metrics["size_mb"] = Metric(value=sizes[default] / 1e6, samples=0)
        run.write_json("verify", "best_scores.json", score_histogram(scores[default]).model_dump(mode="json"))
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        sheet = run.output("verify") / "mistakes.png"
        write_contact_sheet(sheet, test.crops.pixels, test.crops.truth, scores[default], self._labels(run))
        self._write_report(run, "verify", evaluation, scores[default], test, decision)
        self._write_card(run, evaluation, decision, metrics, sizes, parity)
        run.write_json("verify", "names.json", names_of(self._labels(run)))
        return {name: metric.value for name, metric in metrics.items() if name in SHOWN or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are drawn: photographs are not ours to pass on."""
        crops, detector = self.recipe.crops, self._store.detector()
        metrics = run.read_json("verify", "metrics.json")
        parameters: dict[str, Any] = {"crop": CROP, "margin": crops.margin, "shorter_side": crops.shorter_side}
        networks = {}
        with self._store.finder() as finder:
            golden = golden_inputs(self.recipe.golden.samples, self.recipe.seed, finder)
        if detector is not None:
            parameters[DETECTOR] = dict(detector.manifest.pipeline.parameters)
            networks[DETECTOR] = NetworkFile(detector.manifest.variant().runtime, detector.weights())
        return BundleDraft(
            labels=self._labels(run),
            input=InputDescription(kind="image", shape=(CROP, CROP, 3), units="RGB, 0..255"),
            pipeline=PipelineReference(name=self.recipe.task, parameters=parameters),
            variants=tuple(VariantFile(v, "litert", _variant_file(run, v)) for v in self.recipe.export.variants),
            decision=Decision.model_validate(run.read_json("evaluate", "decision.json")),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=golden,
            best_scores=ScoreHistogram.model_validate(run.read_json("verify", "best_scores.json")),
            split_rule=describe(self.recipe.split, self.recipe.seed),
            files={
                "names.json": run.output("verify") / "names.json",
                **{f"report/{path.name}": path for path in sorted((run.output("verify") / "report").iterdir())},
            },
            networks=networks,
        )

    def _weights(self) -> Path | None:
        return backbone_file(self._data) if self.recipe.weights == "imagenet" else None

    def _build(self, outputs: int, train: Crops) -> keras.Model:
        pretrained = self.recipe.weights == "imagenet" and self.recipe.start_from is None
        network = build_network(self._weights(), outputs, self.recipe.head, pretrained=pretrained)
        if self.recipe.start_from is not None:
            load_checkpoint(network, Path(self.recipe.start_from).expanduser())
        elif not pretrained:
            settle_norms(network, train.pixels[:BATCH])
        return network

    def _labels(self, run: Run) -> tuple[str, ...]:
        return tuple(sorted({str(entry["label"]) for entry in run.read_json("prepare", "prints.json")}))

    def _entries(self, run: Run, side: str) -> list[dict[str, Any]]:
        """In the order of `_crops`."""
        entries = [entry for entry in run.read_json("prepare", "prints.json") if entry["side"] == side]
        return sorted(entries, key=lambda entry: (str(entry["label"]), str(entry["file"])))

    def _crops(self, run: Run, side: str) -> Crops:
        entries = self._entries(run, side)
        sources = {str(entry["file"]).partition("/")[2]: str(entry["source"]) for entry in entries}
        return read_crops(run.output("prepare") / FOLDER / side, self._labels(run), sources)

    def _test_side(self, run: Run) -> TestSide:
        entries = self._entries(run, "test")
        scores = np.array([entry["region_score"] for entry in entries], np.float64)
        crops, counts = self._store.without_print()
        run.progress.say(f"without a print: {counts or 'no pictures'}")
        groups = np.array([entry["group"] for entry in entries], dtype=object)
        return TestSide(self._crops(run, "test"), groups, scores if self.recipe.crops.detector else None, crops)

    def _settle_problems(self, run: Run, problems: Sequence[str]) -> None:
        if not problems:
            return
        lines = "\n  ".join(problems)
        if not self.recipe.skip_bad_files:
            raise InvalidInput(
                f"{len(problems)} entries of the data can't be used; repair them, or set skip_bad_files:\n  {lines}"
            )
        run.progress.say(f"left out, because they can't be used:\n  {lines}")

    def _measure(self, run: Run, scores: Scores, test: TestSide) -> Evaluation:
        return evaluate(self._labels(run), test.crops.truth, scores, test.groups, seed=self.recipe.seed)

    def _further(self, test: TestSide, scores: Scores, unprinted: Scores, decision: Decision) -> dict[str, Metric]:
        return further_metrics(
            scores, test.crops.truth, test.groups, decision, unprinted, test.region_scores, self.recipe.seed
        )

    def _write_report(
        self, run: Run, step: str, evaluation: Evaluation, scores: Scores, test: TestSide, decision: Decision
    ) -> None:
        history = run.read_json("fit", "history.json")[-1]
        write_report(
            run.output(step) / "report",
            evaluation,
            test.crops.truth,
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
        sizes: Mapping[str, int],
        parity: Mapping[str, Parity],
    ) -> None:
        counts = {side: dict(Counter(str(entry["label"]) for entry in self._entries(run, side))) for side in SIDES}
        pairs = zip(self.recipe.data, self._store.listings(), strict=True)
        absent = [source.path for source, listing in pairs if not listing.pictures]
        variants = [VariantRow(variant, sizes[variant], parity[variant]) for variant in sizes]
        card = model_card(self.recipe, run, evaluation, decision, metrics, variants, counts, absent)
        write_model_card(run.output("verify") / "report" / "model_card.md", card)


def _variant_file(run: Run, variant: str) -> Path:
    return run.output("export") / f"{variant}.tflite"


def _load(run: Run) -> keras.Model:
    return keras.models.load_model(run.output("fit") / "network.keras")


def _exported_scores(run: Run, variant: str, pixels: NDArray[np.uint8]) -> Scores:
    """In the runtime that will serve it."""
    runtime = load_runtime(_variant_file(run, variant), "litert")
    try:
        rows = [runtime.run({INPUT: crop[np.newaxis].astype(np.float32)})[OUTPUT] for crop in pixels]
    finally:
        runtime.close()
    return np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)
