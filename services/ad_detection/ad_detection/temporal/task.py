"""The trainer of `ad_detection.temporal`.

fit/   cnn.tflite          the CNN as it is served; it stays as it is from here on
       features_<side>.npy what it makes of each frame, (frames, columns), computed once and kept under its digest
       network.keras       what looks at sequences
verify/mistakes.png        frames of the worst mistakes; it stays in the run folder

So what is trained and measured is what a device computes: sequences of the served CNN's features, 8 bits included.

switches_an_hour, …   see `ad_detection.flicker`
cnn_mb, both_mb        size of the CNN, and of both networks as they serve
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.data.duplicates import alike, perceptual_hash
from pipit.errors import InputTooLarge, InvalidInput
from pipit.files import sha256_file
from pipit.inputs import Input, InputSequence
from pipit.runtimes import load_runtime
from pipit.training.by_input.pictures.evaluating import read_input
from pipit.training.by_input.pictures.listing import Seen, read_pixels
from pipit.training.by_input.pictures.mistakes import COLUMNS, ROWS, write_contact_sheet
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.classifier import ClassifierTrainer
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import Ask, Kit, Trained
from pipit.training.model_card import CardWords
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, Side, describe_split, require_trained
from pipit.training.source_set import Listing
from pipit.training.trainer import BundleDraft, NetworkFile

from ad_detection.frames.base import start_file
from ad_detection.frames.network import NAMES
from ad_detection.frames.pipeline import OUTPUT
from ad_detection.frames.synthetic import golden_inputs
from ad_detection.labelled_frames import SMALLEST, Frame, require_labels
from ad_detection.measure import AD, CONTENT, evaluated, measure
from ad_detection.temporal.cnn import export_cnn, features_of, make_cnn, shown_of
from ad_detection.temporal.data import flicker_of, in_order, read_timed_frames, steps_of
from ad_detection.temporal.network import build_head
from ad_detection.temporal.pipeline import CNN
from ad_detection.temporal.recipe import TemporalRecipe
from ad_detection.temporal.stream import INPUT

CNN_FILE = "cnn.tflite"


class TemporalTrainer(ClassifierTrainer[TemporalRecipe, Frame, Side]):
    """See `pipit.training.trainer.Trainer`. Rows of a side: its sequences, (sequences, frames, columns)."""

    recipe_type: ClassVar[type[TemporalRecipe]] = TemporalRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "base"
    kit: ClassVar[Kit] = KerasKit(batch=256)
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert", "pillow")
    items_are: ClassVar[str] = "frames"
    shown: ClassVar[tuple[str, ...]] = (
        *("precision", "recall", "f1", "accuracy", "baseline.accuracy"),
        *("switches_an_hour", "flaps_an_hour", "both_mb"),
    )

    def read_source(self, folder: Path, source: Any) -> Listing[Frame]:
        """See `ClassifierTrainer`."""
        recipe = self.recipe
        return require_labels(read_timed_frames(folder, source.path, source.rename, recipe.sides, recipe.seed))

    def weights_files(self) -> Mapping[str, Path]:
        """The CNN's, or those of the run or bundle that it comes from."""
        start_from = self.recipe.cnn.start_from
        if start_from is not None:
            path = start_file(Path(start_from).expanduser())
            return {f"start_from{path.suffix}": path}
        weights = self._weights()
        return {} if weights is None else {Path("backbones", weights.name).as_posix(): weights}

    def input_of(self, item: Frame) -> Input:
        """See `ClassifierTrainer`: the frame alone, which is a sequence of one."""
        return read_input(item)

    def read_items(self, run: Run, items: Sequence[Frame]) -> tuple[list[Frame], list[str], Facts]:
        """See `ClassifierTrainer`."""
        usable: list[Frame] = []
        problems: list[str] = []
        with run.progress.track(self.items_are, len(items)) as bar:
            for frame in items:
                try:
                    pixels = read_pixels(frame.path, self.recipe.cnn.crop, SMALLEST)
                except (InvalidInput, InputTooLarge, OSError) as error:
                    problems.append(f"{frame.path}: {error}")
                else:
                    usable.append(replace(frame, seen=Seen(perceptual_hash(pixels), "")))
                bar.advance()
        return usable, problems, {}

    def split_items(self, run: Run, items: Sequence[Frame]) -> tuple[list[Entry], Facts]:
        """By programme or channel, as the reader says.

        Of frames that are nearly the same and stand on two sides, those that do not train are left out, as if they were
        missing; so are frames within a step of another one.
        """
        frames = in_order(items)
        torn = _torn(frames)
        kept = [frame for place, frame in enumerate(frames) if place not in torn]
        entries = []
        for side in SIDES:
            of_side = [frame for frame in kept if frame.side == side]
            steps = steps_of([f.recording for f in of_side], [f.seconds for f in of_side], self.recipe.steps)
            entries += [_entry(of_side[step.place]) for step in steps]
        require_trained(entries)
        return entries, {"near_duplicates_left_out": len(torn), "within_a_step": len(kept) - len(entries)}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return describe_split(self.recipe.sides, self.recipe.seed, "programmes")

    def side(self, run: Run, side: str) -> Side:
        """See `ClassifierTrainer`; of features that `fit` left."""
        entries, labels = self.entries(run, side), self.labels(run)
        features = np.load(run.output("fit") / f"features_{side}.npy", allow_pickle=False)
        recordings, seconds = _moments(entries)
        places = np.array([step.places for step in steps_of(recordings, seconds, self.recipe.steps)], np.int64)
        truth = np.array([labels.index(entry["label"]) for entry in entries], np.int64)
        return Side(features[places], truth, np.array([entry["group"] for entry in entries], dtype=object))

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return CONTENT

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See the module's text."""
        recipe, labels, output = self.recipe, self.labels(run), run.output("fit")
        sides = {side: [(frame, labels.index(frame.label)) for frame in self.items(run, side)] for side in SIDES}
        cnn = make_cnn(recipe, self._weights(), len(labels), sides, scratch, logs, run.progress)
        export_cnn(recipe, cnn, sides["train"], output / CNN_FILE)
        for side, frames in sides.items():
            features = features_of(output / CNN_FILE, frames, recipe.cnn.crop, run.cache, run.progress)
            np.save(output / f"features_{side}.npy", features, allow_pickle=False)
        trained = super().fit_network(run, scratch, logs)
        return replace(trained, facts={"cnn_sha256": sha256_file(output / CNN_FILE)})

    def build(self, run: Run) -> keras.Model:
        """See `ClassifierTrainer`."""
        return build_head(self.recipe, self.input(run).shape[1], len(self.labels(run)))

    def measure(self, run: Run, scores: Scores, side: Side, decision: Decision) -> Evaluation:
        """See `ClassifierTrainer`."""
        return evaluated(self.labels(run), scores, side.truth, side.groups, decision, self.recipe.seed)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: Side, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """See the module's text."""
        labels = evaluation.labels
        found = measure(labels, scores, test.truth, test.groups, decision, self.recipe.seed)
        found |= flicker_of(scores, test.truth, labels, decision.thresholds[AD], *_moments(self.entries(run, "test")))
        cnn = (run.output("fit") / CNN_FILE).stat().st_size
        found["cnn_mb"] = Metric(value=cnn / 1e6, samples=0)
        head = self.variant_file(run, self.recipe.export.default_variant)
        if head.is_file():
            found["both_mb"] = Metric(value=(cnn + head.stat().st_size) / 1e6, samples=0)
        return found

    def after_verify(self, run: Run, scores: Scores, test: Side) -> None:
        """Leaves `mistakes.png`: the last frames of the sequences that the network was surest of, and wrong."""
        own = scores[np.arange(len(test.truth)), test.truth]
        worst = np.argsort(own - scores.max(axis=1), kind="stable")[: COLUMNS * ROWS]
        frames = self.items(run, "test")
        pixels = np.stack([shown_of(frames[place], self.recipe.cnn.crop) for place in worst.tolist()])
        path = run.output("verify") / "mistakes.png"
        write_contact_sheet(path, pixels, test.truth[worst], scores[worst], self.labels(run))

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        with closing(load_runtime(run.output("fit") / CNN_FILE, "litert")) as cnn:
            (columns,) = cnn.outputs[0].shape
        return InputDescription(kind="sequence", shape=(self.recipe.frames, columns), units="features of the CNN")

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `ad_detection.temporal.pipeline`."""
        recipe = self.recipe
        return {"crop": recipe.cnn.crop, "frames": recipe.frames, "step_seconds": recipe.step_seconds}

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`: sequences of every length up to the whole one, in turn."""
        count, frames = self.recipe.golden.samples, self.recipe.frames
        pictures = golden_inputs(count * frames, self.recipe.seed)
        lengths = [frames - number % frames for number in range(count)]
        return [
            InputSequence(tuple(pictures[number * frames : number * frames + length]))
            for number, length in enumerate(lengths)
        ]

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`."""
        cnn = NetworkFile("litert", run.output("fit") / CNN_FILE)
        return replace(super().draft(run), networks={CNN: cnn})

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        seconds = (self.recipe.frames - 1) * self.recipe.step_seconds
        return CardWords(
            purpose=(
                f"Says of the last of {self.recipe.frames} frames of television, {self.recipe.step_seconds:g} s apart, "
                "whether it is of an advertisement or of the programme."
            ),
            not_for=(
                "Cutting recordings by itself: it knows the last seconds and no break.",
                "Proving that a spot was shown, or counting spots: it knows no brands and no borders.",
            ),
            limits=(
                f"It remembers {seconds:g} s, and hears nothing.",
                "After a gap, a seek or at the start it sees one frame as often as it needs: as a still picture.",
                "A channel that it was not trained on has another logo and other letters; thresholds don't carry over.",
                "Its CNN stays as it was while sequences are learnt, and training frames are not varied.",
            ),
        )

    def _weights(self) -> Path | None:
        cnn = self.recipe.cnn
        known = cnn.weights == "imagenet" and cnn.start_from is None
        return BACKBONES[NAMES[cnn.network]].weights_file(self.data) if known else None


def _torn(frames: Sequence[Frame]) -> set[int]:
    """Places of frames that look like one on a side before theirs."""
    rank = {side: place for place, side in enumerate(SIDES)}
    hashes = [frame.seen.hash for frame in frames if frame.seen is not None]
    torn = set()
    for one, other in alike(hashes):
        first, second = rank[frames[one].side], rank[frames[other].side]
        if first != second:
            torn.add(one if first > second else other)
    return torn


def _entry(frame: Frame) -> Entry:
    moment = {"recording": frame.recording, "seconds": frame.seconds, "source": frame.source}
    return Entry(frame.name, frame.label, frame.programme, frame.side, moment)


def _moments(entries: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[float]]:
    return [str(entry["recording"]) for entry in entries], [float(entry["seconds"]) for entry in entries]
