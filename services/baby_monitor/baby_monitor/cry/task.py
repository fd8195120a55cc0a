"""The trainer of `baby_monitor.cry`.

A network learns the reasons from recordings of cries alone; whether somebody cries, the gate tells, which is not
trained. Recordings without a cry validate and test: they set the thresholds and count false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.inputs import Input, TensorInput
from pipit.runtimes import load_runtime
from pipit.training.alarms import alarm_labels_of
from pipit.training.by_input.audio.clips import Clip, split_clips
from pipit.training.by_input.audio.features import FeatureMaker
from pipit.training.by_input.audio.listening import Listened
from pipit.training.by_input.audio.networks.yamnet_file import FILE, yamnet_file
from pipit.training.by_input.audio.trainer import SoundSide, SoundTrainer
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.evaluation import Evaluation, Scores, evaluate
from pipit.training.kit import Ask, Kit, Outputs, Rows, Trained
from pipit.training.model_card import CardWords
from pipit.training.parity import Parity
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, require_trained
from pipit.training.source_set import Listing
from pipit.training.splits import cut_by_group
from pipit.training.thresholds import choose_thresholds, rare_labels, uncertain_margin, unknown_below
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import seed_everything
from pipit.training.trainer import NetworkFile

from baby_monitor.cry.distillation import NOT_KNOWN, joined, labels_of, taught
from baby_monitor.cry.encoders import encoder_files, read_encoder
from baby_monitor.cry.episodes import EpisodeRule
from baby_monitor.cry.fitting import fit_network
from baby_monitor.cry.hearing import EMBEDDING_SIZE, GATE, Hearing, shape_of
from baby_monitor.cry.hubert import FOLDERS, Hubert
from baby_monitor.cry.kit import CryKit
from baby_monitor.cry.labels import CRY, NO_CRY, reasons_among
from baby_monitor.cry.measures import listen_for_cries, long_recordings, reasons_alone, share_heard
from baby_monitor.cry.network import TAKES_OF, Gated, build_network, log_shares
from baby_monitor.cry.pipeline import OUTPUT, scores_of
from baby_monitor.cry.reading import baby_of, read_cries
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.synthetic import golden_sounds
from baby_monitor.cry.teacher import babies_on, find_teacher, teacher_files
from baby_monitor.cry.tuning import save_tuned

GOLDEN_ROWS = 4
"""Golden samples that are rows of the network's input: the gate may hear no cry in what a program made."""


class CryTrainer(SoundTrainer[CryRecipe]):
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
        self.takes = TAKES_OF[recipe.network]
        self.rule = EpisodeRule(**recipe.episodes.model_dump())
        self._listened: Listened | None = None

    @cached_property
    def hearing(self) -> Hearing:
        """As a device hears. Raises NotFound without YAMNet's file, where the recipe has a gate."""
        gate = load_runtime(yamnet_file(self.data), "onnx") if self.has_gate else None
        return Hearing(self.front_end, self.takes, gate)

    @property
    def has_gate(self) -> bool:
        """Whether the bundle can tell that nobody cries."""
        return self.recipe.gate != "none"

    def weights_files(self) -> Mapping[str, Path]:
        """YAMNet's, which travel with the bundle, those of an encoder of speech, and a student's teacher."""
        encoder, teacher = (
            encoder_files(self.recipe, self.data),
            teacher_files(self.recipe, self.recipe_folder, self.data),
        )
        return {**self._gate_files(), **encoder, **teacher}

    def read_source(self, folder: Path, source: Any) -> Listing[Clip]:
        """See `read_cries`. Recordings without a cry are no use without a gate."""
        listing = read_cries(folder, source, self.recipe.label_of)
        if self.has_gate:
            return listing
        return replace(listing, items=tuple(clip for clip in listing.items if clip.category not in (CRY, NO_CRY)))

    def split_items(self, run: Run, items: Sequence[Clip]) -> tuple[list[Entry], Facts]:
        """Cries by recorder; of what is none, half validates and half tests. Raises InvalidInput."""
        cries = [clip for clip in items if clip.category not in (CRY, NO_CRY)]
        quiet = [clip for clip in items if clip.category == NO_CRY]
        sides = split_clips(self.recipe.split, cries, self.recipe.seed)
        entries = [_entry(clip, side) for side, clips in sides.items() for clip in clips]
        require_trained(entries)
        if quiet:
            names = [NO_CRY] * len(quiet), [clip.recording for clip in quiet]
            validation, test = cut_by_group(0.5, *names, self.recipe.seed)
            entries += [_entry(quiet[i], "validation") for i in validation.tolist()]
            entries += [_entry(quiet[i], "test") for i in test.tolist()]
        babies = {side: len({clip.recording for clip in clips}) for side, clips in sides.items()}
        return entries, {"recorders": babies}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return f"{super().split_rule()} (a recording is a recorder here); recordings without a cry: half each"

    def maker(self, run: Run) -> FeatureMaker:
        """See `SoundTrainer`."""
        recipe = self.recipe
        digests = file_digests(self._gate_files(), run.cache / "file_digests.json")
        cache = ArrayCache(run.cache / "features")
        return FeatureMaker(
            self.front_end,
            recipe.augmentation,
            recipe.seed,
            cache,
            recipe.workers,
            self.hearing,
            {"takes": self.takes, "gate": digests},
        )

    def labels(self, run: Run) -> tuple[str, ...]:
        """`no_cry` where there is a gate, then the reasons of which there are recordings."""
        return ((NO_CRY,) if self.has_gate else ()) + self._reasons(run)

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return NO_CRY if self.has_gate else None

    def build(self, run: Run) -> Gated:
        """See `ClassifierTrainer`."""
        shape = shape_of(self.front_end, self.takes)
        return build_network(self.recipe, shape, len(self._reasons(run)), read_encoder(self.recipe, self.data))

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """On cries alone. Copies train, and validate too: a home is noisier than a recording."""
        train, validation, facts = self._taught(run) if self.recipe.has_teacher else self._labelled(run)
        seed_everything(self.recipe.seed)
        network = self.build(run)
        reasons, cache = self._reasons(run), ArrayCache(run.cache / "encoded")
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
        cries = validation.truth >= len(labels) - len(self._reasons(run))
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
        reasons, seed = self._reasons(run), self.recipe.seed
        first = len(self.labels(run)) - len(reasons)
        cries = test.truth >= first
        told = scores_of(ask(test.rows[cries]), 0.0, has_gate=False)
        metrics = reasons_alone(reasons, test.truth[cries] - first, told, test.groups[cries], seed)
        if not self.has_gate:
            return metrics
        heard = test.rows[:, 0] >= self.rule.enter
        others, groups = self._other_cries(run)
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
        reasons = ", ".join(self._reasons(run))
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

    def _gate_files(self) -> dict[str, Path]:
        return {FILE.as_posix(): yamnet_file(self.data)} if self.has_gate else {}

    def _reasons(self, run: Run) -> tuple[str, ...]:
        return reasons_among(str(entry["label"]) for entry in self._all_entries(run))

    def _all_entries(self, run: Run) -> list[dict[str, Any]]:
        return [entry for side in SIDES for entry in self.entries(run, side)]

    def _labelled(self, run: Run) -> tuple[Samples, Samples, Facts]:
        copies = self.recipe.augmentation.copies
        return self._samples(run, "train", copies), self._samples(run, "validation", copies), {}

    def _taught(self, run: Run) -> tuple[Samples, Samples, Facts]:
        """The same beside a teacher's answers, and on the training side cries of no known reason."""
        teacher = find_teacher(self.recipe, self.recipe_folder, lambda recipe: type(self)(recipe, self.data), run)
        teacher.require_fit(self.recipe, self._all_entries(run))
        train, validation, _ = self._labelled(run)
        # The same sounds as the teacher hears them.
        other = type(self)(teacher.listens_as(self.recipe), self.data)
        heard, held_out, _ = other._labelled(run)
        unknown = self._unlabelled(run)
        if unknown:
            train, heard = (
                joined(samples, trainer._unknown(run, unknown)) for samples, trainer in ((train, self), (heard, other))
            )
        # What either loss makes up for is in no logits: the teacher's become those that the student's would be.
        shares = log_shares(labels_of(train.targets), len(self._reasons(run)))
        less = np.float32(teacher.recipe.network_options.prior - self.recipe.network_options.prior) * shares
        sides = [
            replace(own, targets=taught(own.targets, teacher.answers(theirs.inputs[INPUT], run) + less))
            for own, theirs in ((train, heard), (validation, held_out))
        ]
        return sides[0], sides[1], {"teacher": teacher.folder.name, "unlabelled": len(unknown)}

    def _unlabelled(self, run: Run) -> list[Clip]:
        """Cries of no known reason, without those of babies that validate or test."""
        held_out = babies_on(self._all_entries(run), ("validation", "test"))
        return [c for c in self.sources.items() if c.category == CRY and baby_of(c.recording) not in held_out]

    def _unknown(self, run: Run, clips: Sequence[Clip]) -> Samples:
        features, _ = self.features(run, clips, self.recipe.augmentation.copies)
        rows = np.concatenate([features[clip.name] for clip in clips if clip.name in features])
        return Samples({INPUT: rows}, np.full(len(rows), NOT_KNOWN, np.int64))

    def _samples(self, run: Run, side: str, copies: int) -> Samples:
        clips, rows = self.windows(run, side, copies)
        reasons = self._reasons(run)
        cries = [position for position, clip in enumerate(clips) if clip.category != NO_CRY]
        truth = np.array([reasons.index(clips[position].category) for position in cries], np.int64)
        chosen = rows[cries]
        return Samples({INPUT: chosen.reshape(-1, rows.shape[-1])}, truth.repeat(rows.shape[1]))

    def _other_cries(self, run: Run) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """The gate's scores of cries of no known reason, and their recordings, both (n,)."""
        clips = [clip for clip in self.sources.items() if clip.category == CRY]
        features, _ = self.features(run, clips, 0) if clips else ({}, [])
        known = [clip for clip in clips if clip.name in features]
        scores = np.array([features[clip.name][0, 0] for clip in known], np.float32)
        return scores, np.array([clip.recording for clip in known], dtype=object)


def _entry(clip: Clip, side: str) -> Entry:
    return Entry(clip.name, clip.category, clip.recording, side)
