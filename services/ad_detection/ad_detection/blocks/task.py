"""The trainer of `ad_detection.blocks`: no network is trained, but a vote of members and two policies over time.

fit/   ensemble.json, policies.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray
from pipit.blocks.policy import Policy, policy_of
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.training.calibration import log_loss
from pipit.training.classifier import ClassifierTrainer
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.fitting import fitted
from pipit.training.kit import Ask, Kit, Outputs, Trained
from pipit.training.model_card import CardWords
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, Side, describe_split
from pipit.training.source_set import Listing
from pipit.training.splits import split_samples

from ad_detection.blocks.data import input_of
from ad_detection.blocks.drawing import plot_hour
from ad_detection.blocks.ensemble import Ensemble, ensemble_of
from ad_detection.blocks.fitting import Watched, choose_policy, fit_weights, measured, muted, skipped
from ad_detection.blocks.members import require_members
from ad_detection.blocks.network import VoteKit, build_network
from ad_detection.blocks.pipeline import AD, CONTENT, INPUT, LABELS, OUTPUT
from ad_detection.blocks.profiles import PROFILES
from ad_detection.blocks.recipe import BlocksRecipe
from ad_detection.blocks.recordings import Scored, breaks_of, read_scored, read_series, truth_of
from ad_detection.blocks.synthetic import golden_inputs
from ad_detection.measure import evaluated, measure


@dataclass(frozen=True, slots=True)
class BlocksSide(Side):
    """rows: (moments, 2, members). truth: positions of labels. groups: recordings' programmes. recordings: in order.

    seconds: of each moment.
    """

    seconds: NDArray[np.float64]
    recordings: tuple[Scored, ...]
    lengths: tuple[int, ...]


class BlocksTrainer(ClassifierTrainer[BlocksRecipe, Scored, BlocksSide]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[BlocksRecipe]] = BlocksRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "base"
    kit: ClassVar[Kit] = VoteKit()
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    items_are: ClassVar[str] = "recordings"
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert", "scipy")
    shown: ClassVar[tuple[str, ...]] = (
        "precision",
        "recall",
        "f1",
        *(f"{mode}.{name}" for mode in ("mute", "skip") for name in ("shown_an_hour", "lost_an_hour", "flaps_an_hour")),
        "baseline.accuracy",
    )

    def read_source(self, folder: Path, source: Any) -> Listing[Scored]:
        """See `ClassifierTrainer`."""
        return read_scored(folder)

    def input_of(self, item: Scored) -> Input:
        """See `ClassifierTrainer`."""
        return input_of(item)

    def read_items(self, run: Run, items: Sequence[Scored]) -> tuple[list[Scored], list[str], Facts]:
        """See `ClassifierTrainer`. Raises InvalidInput for tables of different members, or of other ones."""
        members = {item.members for item in items}
        if len(members) > 1:
            raise InvalidInput("the data sets hold scores of different members; make all of them with the same bundles")
        names = [member.name for member in require_members(self.recipe.ensemble.models, items[0].members)]
        usable, problems = [], []
        with run.progress.track(self.items_are, len(items)) as bar:
            for item in items:
                try:
                    read_series(item.path, names)
                except (InvalidInput, OSError) as error:
                    problems.append(f"{item.path}: {error}")
                else:
                    usable.append(item)
                bar.advance()
        return usable, problems, {"members": names}

    def split_items(self, run: Run, items: Sequence[Scored]) -> tuple[list[Entry], Facts]:
        """By programme, or by channel, which are the folds."""
        labels, groups = [item.label for item in items], [item.group for item in items]
        sides = split_samples(self.recipe.split, labels, groups, [item.channel for item in items], self.recipe.seed)
        entries = [
            Entry(items[i].name, items[i].label, items[i].group, side) for side in SIDES for i in getattr(sides, side)
        ]
        return entries, {}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return describe_split(self.recipe.split, self.recipe.seed, "recordings")

    def labels(self, run: Run) -> tuple[str, ...]:
        """See `ClassifierTrainer`."""
        return LABELS

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return CONTENT

    def counts(self, run: Run) -> dict[str, dict[str, int]]:
        """Moments."""
        found = {}
        for side in SIDES:
            truth = self.side(run, side).truth
            found[side] = {label: int((truth == place).sum()) for place, label in enumerate(LABELS)}
        return found

    def side(self, run: Run, side: str) -> BlocksSide:
        """See `ClassifierTrainer`."""
        items = self.items(run, side)
        ensemble = self._members(items)
        rows, truth, groups, seconds, lengths = [], [], [], [], []
        for item in items:
            series = read_series(item.path, ensemble.names)
            told = truth_of(item, series.seconds)
            known = np.array([label is not None for label in told])
            rows.append(ensemble.rows(series.scores)[known])
            truth += [LABELS.index(label) for label in told if label is not None]
            groups += [item.group] * int(known.sum())
            seconds.append(series.seconds[known])
            lengths.append(int(known.sum()))
        return BlocksSide(
            np.concatenate(rows),
            np.array(truth, np.int64),
            np.array(groups, dtype=object),
            np.concatenate(seconds),
            tuple(items),
            tuple(lengths),
        )

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`; leaves `ensemble.json` and `policies.json`."""
        train, validation = self.side(run, "train"), self.side(run, "validation")
        ensemble = self._fitted(train)
        run.write_json("fit", "ensemble.json", ensemble.parameters)
        network = build_network(ensemble)
        recipe = self.recipe.policy
        share = float((train.truth == LABELS.index(AD)).mean())
        if not 0.0 < share < 1.0:
            raise InvalidInput("the training side needs moments of both ads and content; add recordings")
        losses = {
            name: log_loss(side.truth, self.scores(run, self.kit.outputs(network, side.rows)))
            for name, side in (("loss", train), ("val_loss", validation))
        }
        start = Policy(PROFILES[recipe.profile])
        mute, skip = choose_policy(
            self._watched(train, self.scores(run, self.kit.outputs(network, train.rows)), ensemble),
            start,
            share,
            recipe.lost_weighs,
            recipe.switch_seconds,
        )
        run.write_json("fit", "policies.json", {"mute": mute.parameters, "skip": skip.parameters})
        history = {name: [float("nan") if loss is None else loss] for name, loss in losses.items()}
        return Trained(network, fitted(history), {"weights": list(ensemble.weights), "bias": ensemble.bias})

    def build(self, run: Run) -> keras.Model:
        """See `ClassifierTrainer`."""
        return build_network(self._ensemble(run))

    def calibration(self, run: Run) -> None:
        """Nothing is quantised."""

    def measure(self, run: Run, scores: Scores, side: BlocksSide, decision: Decision) -> Evaluation:
        """See `ClassifierTrainer`."""
        return evaluated(LABELS, scores, side.truth, side.groups, decision, self.recipe.seed)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: BlocksSide, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """Of moments, see `ad_detection.measure`; of each mode, see `pipit.blocks.measures`."""
        found = dict(measure(LABELS, scores, test.truth, test.groups, decision, self.recipe.seed))
        recordings = self._watched(test, scores, self._ensemble(run))
        for mode, policy in self._policies(run).items():
            apply = muted if mode == "mute" else skipped
            said = [apply(one, policy) for one in recordings]
            for name, value in measured(recordings, said).items():
                found[f"{mode}.{name}"] = Metric(value=value, samples=sum(len(one.truth) for one in recordings))
        return found

    def after_verify(self, run: Run, scores: Scores, test: BlocksSide) -> None:
        """Draws the first hour of the test side."""
        recording = self._watched(test, scores, self._ensemble(run))[0]
        policies = self._policies(run)
        folder = run.output("verify") / "report"
        folder.mkdir(exist_ok=True)
        plot_hour(
            folder / "blocks.png",
            recording,
            {"mute": muted(recording, policies["mute"]), "skip": skipped(recording, policies["skip"])},
        )

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        names = self._ensemble(run).names
        return InputDescription(kind="tensor", shape=(2, len(names)), units=f"scores of {', '.join(names)}")

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `ad_detection.blocks.pipeline.BlocksPipeline`."""
        policies = {mode: policy.parameters for mode, policy in self._policies(run).items()}
        return {**self._ensemble(run).parameters, **policies}

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        return golden_inputs(self.recipe.golden.samples, self.recipe.seed, len(self._ensemble(run).members))

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        ensemble = self._ensemble(run)
        votes = "; ".join(
            f"{member}, weight {weight:.3g}" for member, weight in zip(ensemble.members, ensemble.weights, strict=True)
        )
        return CardWords(
            purpose=f"Puts scores of members together ({ensemble.voting}: {votes}) and says when breaks run: live, to "
            "mute them, or of a whole recording, to skip them.",
            not_for=(
                "Cutting recordings for good: marks can be looked at, what was cut off is gone.",
                "Proving that a spot was shown, or counting spots.",
            ),
            limits=(
                "It knows what its members say, and nothing else, and runs with no others than it names.",
                f"It takes breaks to lie as the profile {self.recipe.policy.profile} has them.",
                "Without sound it can only wait until a score lasts; its answers tell how much of the vote was there.",
            ),
        )

    def _members(self, items: Sequence[Scored]) -> Ensemble:
        """Before anything is fitted."""
        members = require_members(self.recipe.ensemble.models, items[0].members)
        settings = self.recipe.ensemble
        weights = (1.0,) * len(members) if settings.weights == "fitted" else settings.weights
        return Ensemble(members, settings.voting, weights)

    def _fitted(self, train: BlocksSide) -> Ensemble:
        given = self._members(train.recordings)
        if self.recipe.ensemble.weights != "fitted" or given.voting == "majority":
            return given
        weights, bias = fit_weights(train.rows, train.truth == LABELS.index(AD))
        return replace(given, voting="fitted", weights=weights, bias=bias)

    def _ensemble(self, run: Run) -> Ensemble:
        return ensemble_of(run.read_json("fit", "ensemble.json"))

    def _policies(self, run: Run) -> dict[str, Policy]:
        """With the threshold that was chosen for moments, once there is one."""
        kept = {mode: policy_of(found) for mode, found in run.read_json("fit", "policies.json").items()}
        threshold = min(0.999, max(0.001, self.decision(run).thresholds[AD]))
        return {mode: replace(policy, threshold=threshold) for mode, policy in kept.items()}

    def _watched(self, side: BlocksSide, scores: Outputs, ensemble: Ensemble) -> list[Watched]:
        known = ensemble.share(side.rows) > 0.0
        ads = np.where(known, scores[:, LABELS.index(AD)].astype(np.float64), np.nan)
        whole = ensemble.is_whole(side.rows)
        found, start = [], 0
        for item, length in zip(side.recordings, side.lengths, strict=True):
            part = slice(start, start + length)
            found.append(Watched(side.seconds[part], ads[part], whole[part], tuple(breaks_of(item))))
            start += length
        return found
