"""The trainer of `emotion.stress`; see `emotion.stress.scores` for what it measures.

It has no items that are split one by one: participants are split, and windows are cut from their recordings.

    prepare/   participants.json, who is on which side; prior.json, what is expected of a person; counts.json
    evaluate/  calibration.json, crossvalidation.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.training.classifier import ClassifierTrainer
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.intervals import Estimate
from pipit.training.kit import Ask, Kit, Outputs, Rows, Trained
from pipit.training.model_card import CardWords
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Side, describe_split
from pipit.training.source_set import Listing, settle_problems
from pipit.training.torch_kit import TorchKit
from pipit.training.trainer import NetworkFile
from torch import nn

from emotion.stress.data import prior_for, read_dataset, recordings_of, split_participants, windows_for
from emotion.stress.network import build_network, train_network
from emotion.stress.past import Prior
from emotion.stress.pipeline import INPUT, OUTPUT, Calibration, parameters_of
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import CALM, LABELS, STRESSED, Recording
from emotion.stress.rounds import ALL, WITHIN, crossvalidate, why_experimental
from emotion.stress.scores import counts_of, fit_calibration, measure, ranking, references
from emotion.stress.signals import LANDMARKS
from emotion.stress.stream import StepReader
from emotion.stress.synthetic import golden_inputs
from emotion.stress.windows import Windows
from emotion.words import FORGOTTEN

NOT_FOR = (
    "Judging a person: at work, at school, in an interview, for insurance or for health. It is no medical device.",
    "Anybody who has not agreed to it, who can't see its answers, or who can't switch it off.",
)
OF_PHYSIOLOGY = (
    "Calm and stressed are the conditions of an office study, in which everybody was neutral first and stressed later. "
    "Whatever drifts over hours looks like stress there; compare with `reference.clock`, which knows the time alone.",
    "A body that moves, drinks coffee or is warm looks the same as one that is stressed.",
)
OF_LANDMARKS = (
    "Learnt from what a few people said of themselves; it knows their faces under strain, not faces.",
    "A face shows what a face does. Speaking, reading, squinting and pain move the same points.",
    FORGOTTEN,
)


@dataclass(frozen=True, slots=True)
class StressSide(Side):
    """rows: (windows, steps, channels). truth: 0 calm, 1 stressed. groups: participants."""

    windows: Windows


class StressTrainer(ClassifierTrainer[StressRecipe, Recording, StressSide]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[StressRecipe]] = StressRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "small"
    kit: ClassVar[Kit] = TorchKit()
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    items_are: ClassVar[str] = "recordings"
    shown: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "auc",
        ALL,
        WITHIN,
        "baseline.accuracy",
        "reference.logistic.auc",
        "reference.clock.auc",
        "size_mb",
    )

    def read_source(self, folder: Path, source: Any) -> Listing[Recording]:
        """See `ClassifierTrainer`."""
        return read_dataset(folder, source.kind, self.recipe.features.step_seconds, source.scale)

    def networks(self) -> Mapping[str, NetworkFile]:
        """Those that find landmarks in pictures, where the bundle takes any. Raises NotFound."""
        paths = network_paths() if self.recipe.signals is LANDMARKS else {}
        return {name: NetworkFile(RUNTIME, path) for name, path in paths.items()}

    def weights_files(self) -> Mapping[str, Path]:
        """See `ClassifierTrainer`: the same networks."""
        return {f"networks/{network.path.name}": network.path for network in self.networks().values()}

    def prepare(self, run: Run) -> Facts:
        """Splits participants. Raises InvalidInput, for a side without windows of both labels too."""
        self.sources.tell(run.progress)
        problems = self.sources.problems()
        settle_problems(run, problems)
        recordings = self.sources.items()
        people = split_participants(self.recipe, recordings)
        prior = prior_for(self.recipe, recordings_of(recordings, people["train"]))
        sides = {side: windows_for(self.recipe, recordings_of(recordings, people[side]), prior) for side in SIDES}
        counts = counts_of(self.recipe, sides)
        if not all(count for by_label in counts.values() for count in by_label.values()):
            raise InvalidInput(f"each side needs windows of both labels: {counts}; add people, or another seed")
        run.write_json("prepare", "participants.json", people)
        kept = {"mean": prior.mean.tolist(), "deviation": prior.deviation.tolist(), "weight": prior.weight}
        run.write_json("prepare", "prior.json", kept)
        run.write_json("prepare", "counts.json", counts)
        participants = {side: len(names) for side, names in people.items()}
        windows = {side: len(found) for side, found in sides.items()}
        return {**windows, "participants": participants, "bad_files": len(problems)}

    def side(self, run: Run, side: str) -> StressSide:
        """See `ClassifierTrainer`."""
        recordings = recordings_of(self.sources.items(), run.read_json("prepare", "participants.json")[side])
        windows = windows_for(self.recipe, recordings, self._prior(run))
        truth = windows.truth(self.recipe.features.stressed_from)
        return StressSide(windows.rows, truth, windows.participant, windows)

    def labels(self, run: Run) -> tuple[str, ...]:
        """See `ClassifierTrainer`."""
        return LABELS

    def background(self, run: Run) -> str | None:
        """Calm, which an answer says where it does not say stressed; None where it may say neither."""
        return None if self._reasons(run) else CALM

    def counts(self, run: Run) -> dict[str, dict[str, int]]:
        """Windows."""
        counts: dict[str, dict[str, int]] = run.read_json("prepare", "counts.json")
        return counts

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`."""
        train, validation = (self.side(run, side).windows for side in ("train", "validation"))
        network, fitted = train_network(self.recipe, train, validation, scratch, logs, run.progress)
        return Trained(network, fitted, {"weights": sum(parameter.numel() for parameter in network.parameters())})

    def build(self, run: Run) -> nn.Module:
        """See `ClassifierTrainer`."""
        return build_network(self.recipe.network, self.recipe.signals.channels, self.recipe.network_options)

    def settle_scores(self, run: Run, outputs: Outputs, validation: StressSide) -> None:
        """Fits what makes a score of a logit, and cross-validates: whether a score says anything."""
        calibration = fit_calibration(outputs[:, 0], validation.truth)
        run.write_json("evaluate", "calibration.json", asdict(calibration))
        recordings = self.sources.items()
        found = crossvalidate(self.recipe, recordings, self.kit, run.scratch("evaluate"), run.progress)
        reasons = why_experimental(found, calibration)
        kept = {name: area.to_json() for name, area in found.items()}
        run.write_json("evaluate", "crossvalidation.json", {"areas": kept, "experimental": reasons})
        if reasons:
            run.progress.say(f"experimental, so that no answer says calm or stressed: {'; '.join(reasons)}")

    def experimental(self, run: Run, validation: StressSide, scores: Scores) -> tuple[str, ...]:
        """Both labels, unless people held back show that scores rank stress above calm; see `emotion.stress.rounds`."""
        return LABELS if self._reasons(run) else ()

    def scores(self, run: Run, outputs: Outputs) -> Scores:
        """See `ClassifierTrainer`. outputs: logits, (windows, 1)."""
        return self._calibration(run)(outputs[:, 0])

    def measure(self, run: Run, scores: Scores, side: StressSide, decision: Decision) -> Evaluation:
        """See `ClassifierTrainer`."""
        return measure(self.recipe, scores, side.windows, decision)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: StressSide, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """The area under the ROC curve, of the test side and cross-validated, and what a network has to beat."""
        area = ranking(self.recipe, scores[:, 1], test.windows)
        found = {} if area is None else {"auc": area}
        kept = run.read_json("evaluate", "crossvalidation.json")["areas"]
        found |= {name: Estimate(**values) for name, values in kept.items()}
        found |= references(self.recipe, self.side(run, "train").windows, test.windows)
        return {name: estimate.to_metric() for name, estimate in found.items()}

    def calibration(self, run: Run) -> Rows | None:
        """None: convolutions this small gain nothing by 8 bits, and stay in float."""
        return None

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        signals = self.recipe.signals
        shape = (self.recipe.features.window, signals.channels)
        return InputDescription(kind="sequence", shape=shape, units=signals.units)

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `StressPipeline`."""
        return parameters_of(self._reader(run), self._calibration(run))

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        return golden_inputs(self._reader(run), self.recipe.golden.samples, self.recipe.seed)

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        features, signals = self.recipe.features, self.recipe.signals
        participants = run.read_json("prepare", "participants.json")
        people = ", ".join(f"{len(names)} {side}" for side, names in participants.items())
        missed, right = evaluation.confusion[LABELS.index(STRESSED)]
        reasons = self._reasons(run)
        return CardWords(
            purpose=(
                f"Scores stress from 0 to 1 over {features.window} steps of {features.step_seconds:g} s "
                f"of {signals.name}. The score is what share of such windows belonged to a stressful condition."
            ),
            not_for=NOT_FOR,
            limits=(
                *(f"**Experimental, so that no answer says calm or stressed**: {reason}." for reason in reasons),
                f"Of {missed + right} windows of stress of people who test, {missed} have the higher score for calm.",
                f"Participants: {people}. Windows of one person are alike; the intervals of accuracy and AUC draw "
                "people.",
                *(OF_LANDMARKS if signals is LANDMARKS else OF_PHYSIOLOGY),
                "What one person calls stress another calls a good day.",
            ),
        )

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return describe_split(self.recipe.split, self.recipe.seed, "participants")

    def _prior(self, run: Run) -> Prior:
        kept = run.read_json("prepare", "prior.json")
        return Prior(np.array(kept["mean"]), np.array(kept["deviation"]), kept["weight"])

    def _reader(self, run: Run) -> StepReader:
        """What the device does with steps."""
        features = self.recipe.features
        return StepReader(self.recipe.signals, self._prior(run), features.window, features.hop, features.step_seconds)

    def _reasons(self, run: Run) -> list[str]:
        """Why labels are experimental; none where they are not."""
        reasons: list[str] = run.read_json("evaluate", "crossvalidation.json")["experimental"]
        return reasons

    def _calibration(self, run: Run) -> Calibration:
        return Calibration(**run.read_json("evaluate", "calibration.json"))
