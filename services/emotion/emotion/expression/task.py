"""The trainer of `emotion.expression`.

detection_rate            share of all pictures in which a face was found
accuracy.all_pictures     the accuracy over all pictures, of which one without a face is answered by nothing
accuracy.landmarks_alone  of a network that looks at the crop, without it

Of each data set that tests, by the name of its folder: accuracy, macro_f1 and f1 as above, for example
`accuracy.fer2013`; where its own folds test, `accuracy.all_pictures.fer2013` too, counted picture by picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.landmarks import face_crop
from pipit.training import mobilefacenet
from pipit.training.by_input.faces.faces import Crop, FaceSamples
from pipit.training.by_input.faces.labelled import Face
from pipit.training.by_input.faces.sources import metrics_by_source, source_of
from pipit.training.by_input.faces.trainer import WITHOUT_FACE_FILE, FaceTrainer
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.intervals import wilson
from pipit.training.kit import Ask, Kit, Rows, Trained
from pipit.training.model_card import CardWords
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, Side
from pipit.training.source_set import Listing
from pipit.training.torch_kit import TorchKit
from torch import nn

from emotion.expression.classes import LABELS
from emotion.expression.data import read_dataset
from emotion.expression.features import ALIGNED, CROP, feature_count, grey
from emotion.expression.network import build_network, rows_of
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.settings import INPUT, OUTPUT, Settings
from emotion.expression.synthetic import golden_inputs
from emotion.expression.training import train_network
from emotion.words import FORGOTTEN

NOT_FOR = (
    "Judging a person: at work, at school, at a border, by the police, in a bank, or for health. A face shows what a "
    "face does, not what somebody feels, means or will do; people differ, and so do cultures.",
    "Anybody who has not been asked. Tell people that it runs, what it keeps, and how to switch it off.",
)
BEGINNING = (
    "Began with MobileFaceNet's published weights, which state no licence and learnt from CASIA-WebFace, a set of "
    "pictures of public figures given out for research: think again before any commercial use."
)
LIMITS = (
    "Labels are other people's guesses at posed and found pictures, not what the pictured felt.",
    "Nobody checked it by age, gender, skin, glasses or beards; expect it to be worse for whom the data lacks.",
    "Pictures are stills from the web; a camera in a room sees faces smaller, darker and from the side.",
    FORGOTTEN,
)


class ExpressionTrainer(FaceTrainer[ExpressionRecipe]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[ExpressionRecipe]] = ExpressionRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "mobilefacenet"
    kit: ClassVar[Kit] = TorchKit()
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    crop: ClassVar[Crop] = Crop("grey 48", CROP, lambda picture, found: grey(face_crop(picture, found, CROP)))
    shown: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "accuracy.fer2013",
        "accuracy.all_pictures",
        "accuracy.landmarks_alone",
        "macro_f1",
        "detection_rate",
        "size_mb",
    )
    largest_difference: ClassVar[float] = 0.001
    """A network this small comes nearer to its float32 export than others."""

    def weights_files(self) -> Mapping[str, Path]:
        """MobileFaceNet's too, where they are trained on."""
        files, weights = super().weights_files(), self._weights()
        return files if weights is None else {**files, mobilefacenet.FILE.as_posix(): weights}

    def read_source(self, folder: Path, source: Any) -> Listing[Face]:
        """See `ClassifierTrainer`."""
        return read_dataset(folder, source.kind, source.contempt)

    def split_items(self, run: Run, items: Sequence[Face]) -> tuple[list[Entry], Facts]:
        """Raises InvalidInput for a side without faces of every label."""
        entries, facts = super().split_items(run, items)
        for side in SIDES:
            missing = sorted(set(LABELS) - {entry.label for entry in entries if entry.side == side})
            if missing:
                raise InvalidInput(f"the split leaves no {side} faces of {', '.join(missing)}; add pictures of them")
        return entries, facts

    def labels(self, run: Run) -> tuple[str, ...]:
        """See `ClassifierTrainer`."""
        return LABELS

    def rows(self, samples: FaceSamples) -> Rows:
        """See `FaceTrainer`."""
        return rows_of(self.recipe, samples)

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`."""
        train, validation = self.samples(run, "train"), self.samples(run, "validation")
        return Trained(*train_network(self.recipe, train, validation, scratch, logs, run.progress, self._weights()))

    def build(self, run: Run) -> nn.Module:
        """See `ClassifierTrainer`."""
        return build_network(self.recipe, feature_count(self.recipe.features.kind))

    def calibration(self, run: Run) -> Rows | None:
        """Training rows for the network whose convolutions are large enough to gain by 8 bits."""
        if self.recipe.network != "mobilefacenet" or "int8" not in self.recipe.export.variants:
            return None
        return super().calibration(run)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: Side, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """See the module's text."""
        detected, accuracy = self.detection_rate(run), evaluation.accuracy.value
        metrics = {
            "detection_rate": detected,
            # Pictures without a face have no side, so it is a product: an estimate, without an interval.
            "accuracy.all_pictures": Metric(value=accuracy * detected.value, samples=len(test.truth)),
        }
        if self.settings.landmarks_alone:
            rows = test.rows.copy()
            rows[:, ALIGNED:] = 0.0
            alone = self.measure(run, self.scores(run, ask(rows)), test, decision).metrics()
            metrics |= {f"{name}.landmarks_alone": alone[name] for name in ("accuracy", "macro_f1")}
        return {**metrics, **self._by_source(run, scores, test)}

    def _by_source(self, run: Run, scores: Scores, test: Side) -> Mapping[str, Metric]:
        names = [str(entry["name"]) for entry in self.entries(run, "test")]
        metrics = metrics_by_source(LABELS, test.truth, scores, test.groups, names, self.recipe.seed)
        if self.recipe.split.rule != "fold":
            return metrics
        missed = self._missed_in_test(run)
        right, sources = scores.argmax(axis=1) == test.truth, np.array([source_of(name) for name in names])
        for source in sorted(set(sources.tolist())):
            of_source = sources == source
            hits, pictures = int(right[of_source].sum()), int(of_source.sum()) + missed[source]
            low, high = wilson(hits, pictures)
            over_all = Metric(value=hits / pictures, samples=pictures, low=low, high=high)
            metrics[f"accuracy.all_pictures.{source}"] = over_all
        return metrics

    def _missed_in_test(self, run: Run) -> Counter[str]:
        """Pictures without a face that would have tested, by data set."""
        faces = self.sources.by_name()
        names = run.read_json("prepare", WITHOUT_FACE_FILE)
        return Counter(source_of(name) for name in names if faces[name].fold in self.recipe.split.test_folds)

    def input(self, run: Run) -> InputDescription:
        """Landmarks, where no data set holds pictures."""
        pictures = any(source.kind not in ("landmarks", "dfew") for source in self.recipe.data)
        return InputDescription(
            kind="image" if pictures else "landmarks",
            shape=self.settings.shape,
            units=f"features {self.settings.kind}",
        )

    @property
    def settings(self) -> Settings:
        """Of the pipeline."""
        features = self.recipe.features
        return Settings(
            features.kind,
            features.body,
            features.frames,
            features.frame_seconds,
            features.smoothing_seconds,
            self.recipe.augmentation.crop_dropout > 0,
        )

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `emotion.expression.settings.settings_of`."""
        parameters = asdict(self.settings)
        return {"features": parameters.pop("kind"), **parameters}

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        return golden_inputs(self.settings, self.recipe.golden.samples, self.recipe.seed)

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        beginning = (BEGINNING,) if self.recipe.network == "mobilefacenet" else ()
        return CardWords("Says which of seven expressions a face most looks like.", NOT_FOR, (*beginning, *LIMITS))

    def _weights(self) -> Path | None:
        if self.recipe.network != "mobilefacenet":
            return None
        return mobilefacenet.weights_file(self.data, "train the recipe `joined`, which needs none")
