"""The trainer of `ad_detection.audio`.

    precision, recall, f1   of moments that are called an advertisement, at the bundle's threshold
    auc                     how well scores rank moments, whatever the threshold
Intervals are over sessions or programmes: moments of one sound alike, and share most of their trailing window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.inputs import Input
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.networks.yamnet import build_body
from pipit.training.by_input.audio.networks.yamnet_file import FILE as YAMNET_FILE
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.cache import ArrayCache
from pipit.training.classifier import ClassifierTrainer
from pipit.training.datasets import file_digests
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import Ask, Kit, Trained
from pipit.training.model_card import CardWords
from pipit.training.native_lines import without_chatter
from pipit.training.quantise import export_litert
from pipit.training.recipe import Split, recipe_folder
from pipit.training.roc import area_under_curve
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, Side, describe_split, require_trained
from pipit.training.source_set import Listing
from pipit.training.splits import split_samples
from pipit.training.trainer import BundleDraft, NetworkFile

from ad_detection.audio.data import Moment, input_of, read_moments
from ad_detection.audio.hearing import EMBEDDING, MOVES, YAMNET_NETWORK, Ear
from ad_detection.audio.network import fit_network
from ad_detection.audio.pipeline import INPUT, OUTPUT
from ad_detection.audio.recipe import AudioRecipe, SoundSource
from ad_detection.audio.rows import Heard, rows_of
from ad_detection.audio.synthetic import golden_inputs
from ad_detection.measure import AD, CONTENT, evaluated, measure

YAMNET_BODY = "yamnet.tflite"


class AudioTrainer(ClassifierTrainer[AudioRecipe, Moment, Side]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[AudioRecipe]] = AudioRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "moves"
    kit: ClassVar[Kit] = KerasKit(batch=1024)
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    items_are: ClassVar[str] = "moments"
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert", "scikit-learn")
    shown: ClassVar[tuple[str, ...]] = ("auc", "precision", "recall", "f1", "accuracy", "baseline.accuracy", "size_mb")

    def __init__(self, recipe: AudioRecipe, data: Path | None) -> None:
        super().__init__(recipe, data)
        self._body: Path | None = None
        """YAMNet's, where it listens; known when a bundle is drafted."""

    def read_source(self, folder: Path, source: Any) -> Listing[Moment]:
        """See `ClassifierTrainer`."""
        chosen: SoundSource = source
        return read_moments(folder, chosen, self.recipe.features)

    def weights_files(self) -> Mapping[str, Path]:
        """YAMNet's, where it listens."""
        return {YAMNET_FILE.as_posix(): self._weights()} if self.recipe.network == "yamnet" else {}

    def input_of(self, item: Moment) -> Input:
        """See `ClassifierTrainer`."""
        return input_of(item, self.recipe.features.window)

    def read_items(self, run: Run, items: Sequence[Moment]) -> tuple[list[Moment], list[str], Facts]:
        """See `ClassifierTrainer`. Moments of dead sound are left out: nothing is said of them."""
        found = self._heard(run, items)
        problems = [f"{name}: {why}" for name, why in found.problems.items()]
        usable = [item for item in items if item.name in found.rows]
        return usable, problems, {"dead": len(found.dead)}

    def split_items(self, run: Run, items: Sequence[Moment]) -> tuple[list[Entry], Facts]:
        """By session or programme, or with channels kept for the test."""
        recipe = self.recipe
        rule = recipe.split
        if recipe.test_channels:
            rule = Split(rule="fold", test_folds=recipe.test_channels, validation_share=rule.validation_share)
        labels, groups = [item.label for item in items], [item.group for item in items]
        sides = split_samples(rule, labels, groups, [item.channel for item in items], recipe.seed)
        entries = [
            Entry(items[i].name, items[i].label, items[i].group, side, {"channel": items[i].channel})
            for side in SIDES
            for i in getattr(sides, side)
        ]
        require_trained(entries)
        return entries, {"groups": len(set(groups))}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        recipe = self.recipe
        if recipe.test_channels:
            shares = f"{recipe.split.validation_share:.0%} of the other recordings, drawn with seed {recipe.seed}"
            return f"channels {', '.join(recipe.test_channels)} test; {shares}, validate, others train"
        return describe_split(recipe.split, recipe.seed, "sessions or programmes")

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return CONTENT

    def side(self, run: Run, side: str) -> Side:
        """See `ClassifierTrainer`."""
        items, labels = self.items(run, side), self.labels(run)
        found = self._heard(run, items)
        rows = np.stack([found.rows[item.name] for item in items])
        truth = np.array([labels.index(item.label) for item in items], np.int64)
        return Side(rows, truth, np.array([item.group for item in items], object))

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`."""
        train, validation = self.side(run, "train"), self.side(run, "validation")
        network, fitted, strength = fit_network(
            (train.rows, train.truth),
            (validation.rows, validation.truth),
            len(self.labels(run)),
            self.recipe.strengths,
        )
        return Trained(network, fitted, {"strength": strength})

    def measure(self, run: Run, scores: Scores, side: Side, decision: Decision) -> Evaluation:
        """See `ClassifierTrainer`."""
        return evaluated(self.labels(run), scores, side.truth, side.groups, decision, self.recipe.seed)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: Side, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """See the module's text."""
        place = list(evaluation.labels).index(AD)
        area = area_under_curve(test.truth == place, scores[:, place], test.groups, self.recipe.seed)
        found = measure(evaluation.labels, scores, test.truth, test.groups, decision, self.recipe.seed)
        return found if area is None else {**found, "auc": area.to_metric()}

    def counts(self, run: Run) -> dict[str, dict[str, int]]:
        """See `ClassifierTrainer`."""
        return {side: dict(Counter(entry["label"] for entry in self.entries(run, side))) for side in SIDES}

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        columns = MOVES + (EMBEDDING if self.recipe.network == "yamnet" else 0)
        return InputDescription(kind="audio", shape=(columns,), units="what is measured of the trailing sound")

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `AudioPipeline`."""
        return {"window": self.recipe.features.window, "hop": self.recipe.features.hop}

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        return golden_inputs(self.recipe.golden.samples, self.recipe.seed)

    def networks(self) -> Mapping[str, NetworkFile]:
        """YAMNet's body, where it listens."""
        return {} if self._body is None else {YAMNET_NETWORK: NetworkFile("litert", self._body)}

    def draft(self, run: Run) -> BundleDraft:
        """See `ClassifierTrainer`."""
        if self.recipe.network == "yamnet":
            self._body = self._yamnet_body(run)
        return super().draft(run)

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        seconds = self.recipe.features.window
        return CardWords(
            purpose=f"Says by the last {seconds} s of sound whether an advertisement runs on television as they end.",
            not_for=(
                "Cutting recordings by itself: it is late by some seconds at each border, since it goes by what was.",
                "Listening to what people say, and counting spots: it knows neither words nor brands.",
            ),
            limits=(
                "A break is heard late, and heard for some seconds after its end: the window still holds the other.",
                "Lively programmes and calm spots are taken for each other.",
                "A threshold does not carry over to a new channel or converter; choose it on that one's recordings.",
                "Of dead sound it says nothing: the answer is unknown.",
            ),
        )

    def _weights(self) -> Path:
        return yamnet_file(self.data, "train the recipe `moves`, which needs none")

    def _heard(self, run: Run, items: Sequence[Moment]) -> Heard:
        """Rows of moments, by the network that will listen on the device."""
        files = {str(path): path for item in items for path in item.files}
        kept = file_digests(files, run.cache / "file_digests.json")
        digests = {path: kept[name] for name, path in files.items()}
        cache = ArrayCache(run.cache / "heard")
        window = self.recipe.features.window
        if self.recipe.network != "yamnet":
            return rows_of(Ear(), items, window, digests, "", cache, run.progress)
        body = self._yamnet_body(run)
        with without_chatter():
            opened = load_runtime(body, "litert")
        with closing(opened) as runtime:
            (digest,) = file_digests({YAMNET_BODY: body}).values()
            return rows_of(Ear(runtime), items, window, digests, digest, cache, run.progress)

    def _yamnet_body(self, run: Run) -> Path:
        """YAMNet's body as a LiteRT file."""
        path = run.cache / "yamnet_body" / YAMNET_BODY
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Weights of 8 bits, as they are published; what it computes stays in float.
            export_litert(build_body(self._weights()), "dynamic", path)
        return path
