"""The trainer of `home_security.sounds`.

The security subset: clips whose label is a security class. The background: clips whose label is `none`.

    accuracy.security       share of the security subset whose best label, of all labels, is the right one
    false_positive_rate     of the worst security class: share of the clips of all other labels in which it is detected
    background_alarm_rate   share of the background clips in which any security class is detected
    false_alarms_per_hour   the same, per hour of background: one window of each clip is heard, so neither more nor less
    background.…            false alarms in whole recordings of the test side in which nothing happens, heard as by a
                            device; see `pipit.training.by_input.audio.listening`. Without any: in background clips
    quiet.…, robust.…       see `pipit.training.by_input.audio.robustness`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pipit.bundle.manifest import Decision, Metric
from pipit.inputs import Input
from pipit.pipelines.audio_windows import INPUT
from pipit.training.alarms import FalseAlarms, alarm_labels_of, alarmed, false_alarms_per_hour
from pipit.training.by_input.audio.batches import Samples
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.by_input.audio.quiet import QUIET_CATEGORY
from pipit.training.by_input.audio.trainer import SoundSide, SoundTrainer
from pipit.training.evaluation import Evaluation, Scores, evaluate
from pipit.training.keras_distributed import weights_digest
from pipit.training.keras_group import joined
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import Ask, Kit, Outputs, Trained
from pipit.training.model_card import CardWords
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry

from home_security.sounds.classes import SECURITY_NAMES, Labels, choose_labels
from home_security.sounds.data import rare_classes, require_alarms, require_trained
from home_security.sounds.network import train_network
from home_security.sounds.pipeline import OUTPUT, Collapse
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.synthetic import golden_inputs


class SoundsTrainer(SoundTrainer[SoundsRecipe]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[SoundsRecipe]] = SoundsRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "yamnet"
    distributed: ClassVar[bool] = True
    kit: ClassVar[Kit] = KerasKit(batch=16)
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    packages: ClassVar[tuple[str, ...]] = ("keras", "librosa", "ai-edge-litert")
    known_classes: ClassVar[Sequence[str]] = SECURITY_NAMES
    shown: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "macro_f1",
        "accuracy.security",
        "false_positive_rate",
        "background_alarm_rate",
        "quiet.alarm_rate",
        "robust.worst.detection_rate",
        "background.false_alarms_per_hour",
        "size_mb",
    )

    def weights_files(self) -> Mapping[str, Path]:
        """YAMNet's, where they are trained on."""
        weights = self._weights()
        return {} if weights is None else {f"{weights.parent.name}/{weights.name}": weights}

    def split_items(self, run: Run, items: Sequence[Clip]) -> tuple[list[Entry], Facts]:
        """See `SoundTrainer`; each security class of the data has to be trained.

        A class of so few recordings that it is experimental can't stand on three sides: all that there is of it trains.
        """
        labels = choose_labels((clip.category for clip in items), self.recipe.labels)
        require_alarms(labels)
        few = rare_classes(items, labels, self.recipe.thresholds.experimental_under)
        entries, facts = super().split_items(
            run, [replace(clip, train_only=clip.train_only or clip.category in few) for clip in items]
        )
        require_trained(entries, labels)
        if labels.missing:
            run.progress.say(f"no clips of {', '.join(labels.missing)}: left out, this network will not know them")
        if few:
            run.progress.say(f"too few recordings of {', '.join(few)}: scored as experimental, and raise no alarm")
        return entries, {**facts, "labels": [*labels.names], "without_data": [*labels.missing]}

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`; several workers may train together."""
        train, validation = self._samples(run, "train"), self._samples(run, "validation")
        with joined(run.worker) as group:
            if group is not None:
                prepared = run.records()["prepare"].outputs
                group.require_same(f"{self.recipe.digest} {run.dataset_digest} {prepared}", "recipe or data")
            network, fitted = train_network(
                self.recipe,
                len(self._labels(run).outputs),
                train,
                validation,
                self._weights(),
                scratch,
                logs,
                run.progress,
                group,
            )
        return Trained(network, fitted, {"workers": run.worker.count, "weights_digest": weights_digest(network)})

    def labels(self, run: Run) -> tuple[str, ...]:
        """See `ClassifierTrainer`."""
        return self._labels(run).names

    def label_index(self, run: Run, category: str) -> int:
        """See `SoundTrainer`: whatever is no security class is background."""
        return self._labels(run).index(category)

    def scores(self, run: Run, outputs: Outputs) -> Scores:
        """See `ClassifierTrainer`: the network tells more sounds apart than it has labels for."""
        labels = self._labels(run)
        return Collapse(labels.names, labels.output_labels)(outputs)

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return self._labels(run).background

    def measure(self, run: Run, scores: Scores, side: SoundSide, decision: Decision) -> Evaluation:
        """scores: (clips, labels), one window a clip."""
        return measure(scores, side, self._labels(run), decision, self.front_end.window_seconds, self.recipe.seed)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: SoundSide, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """What a house asks: whether it stands noise, distance and silence, and how often it is woken for nothing."""
        labels = self._labels(run)
        if labels.background is None:
            return {}
        quiet = [clip for clip in test.clips if labels.of(clip.category) == labels.background]
        whole = {clip.file: clip.path for clip in [clip for clip in quiet if clip.background] or quiet}
        found = self.robustness(run, ask, decision).metrics()
        return {**found, **self.listen(run, ask, decision, whole).metrics()} if whole else found

    def counts(self, run: Run) -> dict[str, dict[str, int]]:
        """See `ClassifierTrainer`."""
        labels = self._labels(run)
        return {side: dict(Counter(labels.of(e["label"]) for e in self.entries(run, side))) for side in SIDES}

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `SoundsPipeline`; `priorities` are for who is told of alarms."""
        labels = self._labels(run)
        return {
            **self.front_end.parameters,
            "output_labels": list(labels.output_labels),
            "priorities": labels.priorities,
        }

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        return golden_inputs(self.recipe.golden.samples, self.recipe.seed)

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        labels = self._labels(run)
        missing = (f"No clips of {', '.join(labels.missing)}: it does not know them.",) if labels.missing else ()
        seconds = self.recipe.features.window_seconds
        return CardWords(
            purpose=f"Tells which of {', '.join(labels.alarms)} is heard in {seconds:g} s of sound.",
            not_for=(
                "Anything on which a life depends: it misses sounds, and there is no certificate for it.",
                "Listening to what people say.",
            ),
            limits=(
                *missing,
                "Clips are chosen, mostly clean and from microphones that nobody knows; "
                "a house is noisier and quieter.",
                "False alarms are counted on minutes of background; a house sounds for days.",
                "Only the first window of a clip is heard.",
            ),
        )

    def _weights(self) -> Path | None:
        if self.recipe.network != "yamnet":
            return None
        return yamnet_file(self.data, "train the recipe `small`, which needs none")

    def _labels(self, run: Run) -> Labels:
        """Those that the prepared clips have, and the quiet that a program makes where there is a background."""
        categories = [entry["label"] for side in SIDES for entry in self.entries(run, side)]
        if self.recipe.labels == "security" and self.recipe.augmentation.quiet:
            categories.append(QUIET_CATEGORY)
        return choose_labels(categories, self.recipe.labels)

    def _samples(self, run: Run, side: str) -> Samples:
        """What is learnt: categories, not labels. Copies too."""
        clips, rows = self.windows(run, side, self.recipe.augmentation.copies)
        outputs = self._labels(run).outputs
        return Samples(rows, np.array([outputs.index(clip.category) for clip in clips], np.int64))


def measure(
    scores: Scores, side: SoundSide, labels: Labels, decision: Decision, window_seconds: float, seed: int
) -> Evaluation:
    """scores: (clips, labels), one window a clip, of the clips of `side`."""
    background = labels.background
    return evaluate(
        labels.names,
        side.truth,
        scores,
        side.groups,
        alarm_labels=alarm_labels_of(labels.alarms, decision),
        thresholds=decision.thresholds,
        background=background,
        subsets={"security": labels.alarms},
        false_alarms=_false_alarms(scores, side, labels, decision, window_seconds) if background else None,
        seed=seed,
    )


def _false_alarms(
    scores: Scores, side: SoundSide, labels: Labels, decision: Decision, window_seconds: float
) -> FalseAlarms | None:
    quiet = np.array([labels.of(clip.category) == labels.background for clip in side.clips], bool)
    if not quiet.any():
        return None
    names = [clip.name for clip, chosen in zip(side.clips, quiet, strict=True) if chosen]
    return false_alarms_per_hour(
        alarmed(labels.names, scores[quiet], decision.thresholds, alarm_labels_of(labels.alarms, decision)),
        names,
        np.zeros(len(names)),
        np.full(len(names), window_seconds),
        dict.fromkeys(names, window_seconds),
    )
