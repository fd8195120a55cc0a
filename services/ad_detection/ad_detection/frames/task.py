"""The trainer of `ad_detection.frames`.

What the frozen part of the network says of frames and their varied copies is computed once, and kept under a digest of
all it comes from; an epoch then trains no more than the head.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.inputs import Input
from pipit.pipelines.pictures import INPUT
from pipit.runtimes.timing import time_calls
from pipit.training.by_input.pictures.frozen import BATCH, seen_by
from pipit.training.by_input.pictures.listing import Picture, Pixels, read_pixels
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.by_input.pictures.networks.squeezes import wake_squeezes
from pipit.training.by_input.pictures.trainer import Crop, Cropper, PictureTrainer
from pipit.training.cache import ArrayCache
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.fitting import balanced_weights
from pipit.training.keras_batches import CopiedBatches
from pipit.training.keras_distributed import weights_digest
from pipit.training.keras_fit import epochs_done, fit, make_optimiser, seed_everything
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import Ask, Kit, Trained, exported
from pipit.training.model_card import CardWords
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import Entry, Side
from pipit.training.source_set import Listing

from ad_detection.frames.base import base_bundle, start_file
from ad_detection.frames.network import NAMES, build_network, freeze
from ad_detection.frames.pipeline import OUTPUT, whole_picture
from ad_detection.frames.recipe import FramesRecipe
from ad_detection.frames.synthetic import golden_inputs
from ad_detection.labelled_frames import (
    SMALLEST,
    Frame,
    of_others,
    read_frames,
    require_labels,
    split_rule,
)
from ad_detection.measure import AD, CONTENT, evaluated, measure, measure_forgotten

OTHERS = "others"
"""A fourth side: what the base was made for, and this training is not."""
TIMED = 20
"""Calls, each of one frame."""


class FramesTrainer(PictureTrainer[FramesRecipe]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[FramesRecipe]] = FramesRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "base"
    kit: ClassVar[Kit] = KerasKit(batch=BATCH)
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert", "pillow")
    shown: ClassVar[tuple[str, ...]] = (
        "precision", "recall", "f1", "accuracy", "baseline.accuracy", "others.f1_loss_points", "size_mb",
    )  # fmt: skip

    def read_source(self, folder: Path, source: Any) -> Listing[Picture]:
        """See `ClassifierTrainer`."""
        rule = split_rule(self.recipe.split, *self.recipe.channels(source))
        by_recording = source.together == "recording"
        found = require_labels(
            read_frames(folder, source.path, source.rename, rule, self.recipe.seed, by_recording=by_recording)
        )
        return of_others(found, source.mixed) if source.others else found

    def weights_files(self) -> Mapping[str, Path]:
        """The backbone's weights, or those of the run or bundle that this one goes on from."""
        if self._start is not None:
            path = start_file(self._start)
            return {f"start_from{path.suffix}": path}
        weights = self._weights()
        return {} if weights is None else {Path("backbones", weights.name).as_posix(): weights}

    def read(self, path: Path) -> Pixels:
        """See `PictureTrainer`."""
        return read_pixels(path, self.recipe.crop, SMALLEST)

    @contextmanager
    def cropper(self) -> Iterator[Cropper]:
        """See `PictureTrainer`: all of the picture."""
        yield lambda pixels: Crop(whole_picture(pixels, self.recipe.crop))

    def split_items(self, run: Run, items: Sequence[Picture]) -> tuple[list[Entry], Facts]:
        """See `PictureTrainer`; numbers have intervals over programmes, where these are known."""
        entries, facts = super().split_items(run, items)
        frames = {item.name: item for item in items if isinstance(item, Frame)}
        return [_of_programme(entry, frames.get(entry.name)) for entry in entries], facts

    def entries(self, run: Run, side: str) -> list[dict[str, Any]]:
        """See `ClassifierTrainer`; what tests of others is on the side `others`."""
        others = {source.path for source in self.recipe.data if source.others}
        kept = super().entries(run, "test" if side == OTHERS else side)
        if side not in ("test", OTHERS):
            return kept
        return [entry for entry in kept if (entry["source"] in others) == (side == OTHERS)]

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return CONTENT

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`."""
        recipe = self.recipe
        train, validation = self.side(run, "train"), self.side(run, "validation")
        seed_everything(recipe.seed)
        network = build_network(recipe, self._weights(), len(self.labels(run)))
        body, trained = freeze(network, recipe)
        keep = ArrayCache(run.cache / "frames")
        copies = []
        with run.progress.track("frames and their copies", recipe.augmentation.copies + 1) as bar:
            for copy in range(recipe.augmentation.copies + 1):
                copies.append(seen_by(body, train.rows, recipe, copy, keep))
                bar.advance()
        trained.compile(
            make_optimiser(recipe.optimiser),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        targets = np.eye(len(self.labels(run)), dtype=np.float32)
        given = (seen_by(body, validation.rows, recipe, 0, keep).astype(np.float32), targets[validation.truth])
        batches = CopiedBatches(copies, targets[train.truth], recipe.batch_size, recipe.seed, epochs_done(scratch))
        weights = balanced_weights(train.truth, len(targets)) if recipe.class_weights else None
        fitted = fit(trained, recipe, batches, given, scratch, logs, run.progress, weights)
        # Of MobileNet alone; without it 8 bits can't be served.
        wake_squeezes(network, np.asarray(self.calibration(run)))
        return Trained(network, fitted, {"weights_digest": weights_digest(network)})

    def measure(self, run: Run, scores: Scores, side: Side, decision: Decision) -> Evaluation:
        """See `ClassifierTrainer`."""
        return evaluated(self.labels(run), scores, side.truth, side.groups, decision, self.recipe.seed)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: Side, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """See `ad_detection.measure`."""
        found = measure(evaluation.labels, scores, test.truth, test.groups, decision, self.recipe.seed)
        # Of what `ask` asks, which is what will serve once it is exported; one thread, on this machine.
        median, _ = time_calls(lambda: ask(test.rows[:1]), runs=TIMED)
        found["median_ms"] = Metric(value=median, samples=TIMED)
        if not self.entries(run, OTHERS) or self._start is None:
            return found
        others, base = self.side(run, OTHERS), base_bundle(self._start)
        if base is None:
            run.progress.say(f"{self._start} has no bundle, so nothing tells what was forgotten; train it to its end")
            return found
        place = evaluation.labels.index(AD)
        own = self.scores(run, ask(others.rows))[:, place] >= decision.thresholds[AD]
        serving = base.manifest.variant()
        with exported(base.weights(), serving.runtime, self.names) as ask_base:
            scored = self.scores(run, ask_base(others.rows))[:, base.manifest.labels.index(AD)]
        called = scored >= base.manifest.decision.thresholds[AD]
        return {**found, **measure_forgotten(own, called, others.truth == place, others.groups, self.recipe.seed)}

    def base_bundle(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        base = None if self._start is None else base_bundle(self._start)
        return None if base is None else base.digest

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        return InputDescription(kind="image", shape=(self.recipe.crop, self.recipe.crop, 3), units="RGB, 0..255")

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `pipit.pipelines.pictures.PictureCrops`."""
        return {"crop": self.recipe.crop}

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        return golden_inputs(self.recipe.golden.samples, self.recipe.seed)

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        return CardWords(
            purpose="Says of one frame of television whether it is of an advertisement or of the programme.",
            not_for=(
                "Cutting recordings by itself: single frames flicker, and whoever cuts at each loses programme.",
                "Proving that a spot was shown, or counting spots: it knows no brands and no borders.",
            ),
            limits=(
                "It sees one picture, and neither sound nor what came before.",
                "A channel that it was not trained on has another logo and other letters; thresholds don't carry over.",
                "Promotions of the channel, sponsors and spots made to look like a programme are often taken for it.",
            ),
        )

    @property
    def _start(self) -> Path | None:
        return None if self.recipe.start_from is None else Path(self.recipe.start_from).expanduser()

    def _weights(self) -> Path | None:
        recipe = self.recipe
        known = recipe.network != "small" and recipe.weights == "imagenet"
        return BACKBONES[NAMES[recipe.network]].weights_file(self.data) if known else None


def _of_programme(entry: Entry, frame: Frame | None) -> Entry:
    """With what is known of a frame's recording; None for a picture of which nothing is."""
    if frame is None:
        return entry
    return replace(entry, group=frame.programme, extra={**entry.extra, "channel": frame.channel})
