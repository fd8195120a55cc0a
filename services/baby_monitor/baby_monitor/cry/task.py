"""The trainer of `baby_monitor.cry`.

A network learns the reasons from recordings of cries alone; whether somebody cries, the gate tells, which is not
trained. Recordings without a cry validate and test: they set the thresholds and count false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.inputs import Input, TensorInput
from pipit.training.alarms import alarm_labels_of
from pipit.training.by_input.audio.listening import Listened
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.by_input.audio.trainer import SoundSide
from pipit.training.cache import ArrayCache
from pipit.training.evaluation import Evaluation, Scores, evaluate
from pipit.training.kit import Ask, Kit, Outputs, Rows, Trained
from pipit.training.model_card import CardWords
from pipit.training.parity import Parity
from pipit.training.recipe import recipe_folder
from pipit.training.run import Run
from pipit.training.thresholds import choose_thresholds, rare_labels, uncertain_margin, unknown_below
from pipit.training.torch_fit import seed_everything
from pipit.training.trainer import NetworkFile

from baby_monitor.cry.encoders import read_encoder
from baby_monitor.cry.fitting import fit_network
from baby_monitor.cry.hearing import EMBEDDING_SIZE, GATE, shape_of
from baby_monitor.cry.hubert import FOLDERS, Hubert
from baby_monitor.cry.kit import CryKit
from baby_monitor.cry.measures import listen_for_cries, long_recordings, reasons_alone, share_heard
from baby_monitor.cry.network import Gated, build_network
from baby_monitor.cry.pipeline import OUTPUT, scores_of
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.sounds import CrySounds
from baby_monitor.cry.speech import Encoded
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.synthetic import golden_sounds
from baby_monitor.cry.teaching import taught_sides
from baby_monitor.cry.tuning import save_tuned

GOLDEN_ROWS = 4
"""Golden samples that are rows of the network's input: the gate may hear no cry in what a program made."""


class CryTrainer(CrySounds):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[CryRecipe]] = CryRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "yamnet"
    kit: ClassVar[Kit] = CryKit()
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    shown: ClassVar[tuple[str, ...]] = (
        "cries.accuracy",
        "cries.macro_f1",
        "cries.baseline.accuracy",
        "cries.baseline.macro_f1",
        "gate.cries_heard",
        "background.false_alarms_per_hour",
        "size_mb",
    )

    def __init__(self, recipe: CryRecipe, data: Path | None) -> None:
        super().__init__(recipe, data)
        self._listened: Listened | None = None

    def build(self, run: Run) -> Gated:
        """See `ClassifierTrainer`."""
        shape = shape_of(self.front_end, self.takes)
        return build_network(self.recipe, shape, len(self.reasons(run)), read_encoder(self.recipe, self.data))

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """On cries alone. Copies train, and validate too: a home is noisier than a recording."""
        train, validation, facts = taught_sides(self, run) if self.recipe.has_teacher else (*self.labelled(run), {})
        seed_everything(self.recipe.seed)
        network = self.build(run)
        reasons, cache = self.reasons(run), ArrayCache(run.cache / "encoded")
        fitted = fit_network(network, self.recipe, len(reasons), train, validation, cache, scratch, logs, run.progress)
        if isinstance(network.head, Encoded) and isinstance(network.head.encoder, Hubert):
            name = f"{FOLDERS[self.recipe.network].name}_emotion.pt"
            save_tuned(run.output("fit") / name, network.head.encoder, network.head.head, reasons)
        return Trained(network, fitted, facts)

    def scores(self, run: Run, outputs: Outputs) -> Scores:
        """See `ClassifierTrainer`."""
        return scores_of(outputs, self.recipe.episodes.enter, self.has_gate)

    def experimental(self, run: Run, validation: SoundSide, scores: Scores) -> tuple[str, ...]:
        """Reasons of too few babies in the test, besides those that `ClassifierTrainer` finds."""
        groups = [(str(entry["label"]), str(entry["group"])) for entry in self.entries(run, "test")]
        few = rare_labels(self.labels(run), groups, self.recipe.fewest_babies, self.background(run))
        return tuple(dict.fromkeys((*few, *super().experimental(run, validation, scores))))

    def choose_decision(self, run: Run, validation: SoundSide, scores: Scores) -> Decision:
        """Critical labels have a threshold of their own; how sure an answer has to be is settled among cries."""
        decision, labels = super().choose_decision(run, validation, scores), self.labels(run)
        rule, critical = self.recipe.thresholds, self.recipe.critical
        strict = choose_thresholds(
            labels,
            validation.truth,
            scores,
            critical.false_positive_rate,
            self.background(run),
            rule.lowest,
            decision.experimental,
        )
        thresholds = dict(decision.thresholds)
        thresholds |= {name: max(thresholds[name], strict[name]) for name in critical.labels if name in strict}
        cries = validation.truth >= len(labels) - len(self.reasons(run))
        return decision.model_copy(
            update={
                "thresholds": thresholds,
                "unknown_below": unknown_below(validation.truth[cries], scores[cries], rule.unknown_share),
                "uncertain_margin": uncertain_margin(scores[cries], rule.uncertain_share),
            }
        )

    def measure(self, run: Run, scores: Scores, side: SoundSide, decision: Decision) -> Evaluation:
        """See `ClassifierTrainer`; the gate's mistakes count."""
        labels = self.labels(run)
        return evaluate(
            labels,
            side.truth,
            scores,
            side.groups,
            alarm_labels=alarm_labels_of(labels, decision),
            thresholds=decision.thresholds,
            background=self.background(run),
            seed=self.recipe.seed,
        )

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: SoundSide, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """See `baby_monitor.cry.measures`."""
        reasons, seed = self.reasons(run), self.recipe.seed
        first = len(self.labels(run)) - len(reasons)
        cries = test.truth >= first
        told = scores_of(ask(test.rows[cries]), 0.0, has_gate=False)
        metrics = reasons_alone(reasons, test.truth[cries] - first, told, test.groups[cries], seed)
        if not self.has_gate:
            return metrics
        heard = test.rows[:, 0] >= self.rule.enter
        others, groups = self.other_cries(run)
        shares = {
            "gate.cries_heard": share_heard(heard[cries], test.groups[cries], seed),
            "gate.other_cries_heard": share_heard(others >= self.rule.enter, groups, seed),
            "gate.false_alarm_rate": share_heard(heard[~cries], test.groups[~cries], seed),
        }
        metrics |= {name: share for name, share in shares.items() if share is not None}
        quiet = long_recordings(test.clips)
        if quiet and self._listened is None:
            # Of the gate alone, which is the same in every variant.
            self._listened = listen_for_cries(self.hearing, self.rule, quiet, run.progress)
        return metrics | (self._listened.metrics() if self._listened else {})

    def variant_metrics(self, parity: Mapping[str, Parity], sizes: Mapping[str, int]) -> Mapping[str, Metric]:
        """See `ClassifierTrainer`; the gate counts, which travels with every variant."""
        gate = sum(network.path.stat().st_size for network in self.networks().values())
        return super().variant_metrics(parity, {name: size + gate for name, size in sizes.items()})

    def calibration(self, run: Run) -> Rows | None:
        """For convolutions on log-mel. Elsewhere none: matrix products are quantised as they come."""
        return super().calibration(run) if self.takes == "log_mel" else None

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        return InputDescription(
            kind="audio", shape=(self.hearing.size,), units=f"the gate's score, then {self.takes} of a window"
        )

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `CryPipeline`; and `reasons`, by which `pipit evaluate` reads labelled data as training did."""
        given = {"takes": self.takes, "episodes": self.rule.parameters, "reasons": self.recipe.reasons}
        return {**self.front_end.parameters, **given}

    def networks(self) -> Mapping[str, NetworkFile]:
        """See `ClassifierTrainer`."""
        return {GATE: NetworkFile("onnx", yamnet_file(self.data))} if self.has_gate else {}

    def golden(self, run: Run) -> Sequence[Input]:
        """Rows that a program drew, and cries that it made."""
        generator = np.random.default_rng(self.recipe.seed)
        heard = generator.normal(0.0, 1.0, (GOLDEN_ROWS, self.hearing.size)).astype(np.float32)
        if self.takes == "embedding":
            heard = np.abs(heard[:, : 1 + EMBEDDING_SIZE])
        heard[:, 0] = 1.0
        sounds = golden_sounds(max(1, self.recipe.golden.samples - GOLDEN_ROWS), self.recipe.seed)
        return [*(TensorInput(INPUT, row) for row in heard), *sounds]

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        reasons = ", ".join(self.reasons(run))
        return CardWords(
            purpose=f"Says of a cry which of {reasons} a parent's label would likely be. It is never a diagnosis.",
            not_for=(
                "Deciding whether a baby is well, or whether somebody has to look: look, whatever it says.",
                "Anything on which a life depends: it misses cries, and there is no certificate for it.",
            ),
            limits=(
                *self._teachers_limits(),
                "The labels are what parents thought, who did not know either.",
                "Recordings come from an app: one for each cry, held close, of babies and telephones nobody knows.",
                "Beside its macro F1 stands that of always giving the most frequent reason; look at both.",
                "False alarms are counted on minutes of background; a house sounds for days.",
            ),
        )

    def _teachers_limits(self) -> tuple[str, ...]:
        if not self.recipe.has_teacher:
            return ()
        name = Path(self.recipe.teacher).name
        return (f"It learnt beside the labels from another network's answers ({name}), with what that one has wrong.",)
