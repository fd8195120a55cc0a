"""Trains the network stage by stage: each begins where the one before ended, and leaves a checkpoint.

    scratch/<number>_<stage>.keras    what a finished stage left; a training that goes on begins after the last of them
    scratch/<number>_<stage>/         what an unfinished one goes on from, see `pipit.training.keras_fit`

What the frozen part of the network says of crops and their varied copies is kept under a digest of all it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from pipit.training.by_input.pictures.frozen import seen_by
from pipit.training.by_input.pictures.networks.split import split_network
from pipit.training.cache import ArrayCache
from pipit.training.fitting import Fitted, balanced_weights
from pipit.training.keras_batches import CopiedBatches
from pipit.training.keras_fit import epochs_done, fit, fitted_before, make_optimiser, seed_everything
from pipit.training.progress import Progress

from footprints.species.likeness import learn_likeness
from footprints.species.recipe import SpeciesRecipe, Stage
from footprints.species.whole import answer_together


@dataclass(frozen=True, slots=True)
class Crops:
    """pixels: uint8, (rows, 224, 224, 3). truth: positions of labels, (rows,). sources: data set of each row."""

    pixels: NDArray[np.uint8]
    truth: NDArray[np.int64]
    sources: tuple[str, ...]

    def of(self, sources: Sequence[str]) -> Crops:
        """Those of some data sets; all of them if there is none of these."""
        chosen = [i for i, source in enumerate(self.sources) if source in sources]
        if not chosen:
            return self
        return Crops(self.pixels[chosen], self.truth[chosen], tuple(self.sources[i] for i in chosen))


@dataclass(frozen=True, slots=True)
class Places:
    """Where a training keeps things. cache: shared by runs. logs: TensorBoard's."""

    scratch: Path
    logs: Path
    cache: Path


def train_network(
    recipe: SpeciesRecipe,
    build: Callable[[], keras.Model],
    train: Crops,
    validation: Crops,
    places: Places,
    progress: Progress,
) -> tuple[keras.Model, list[Fitted]]:
    """The trained network, and what became of each stage. build: makes it as it begins, seeded before."""
    seed_everything(recipe.seed)
    network = build()
    stages: list[Fitted] = []
    for number, stage in enumerate(recipe.stages, 1):
        checkpoint = places.scratch / checkpoint_name(number, stage)
        scratch = checkpoint.with_suffix("")
        scratch.mkdir(parents=True, exist_ok=True)
        if checkpoint.is_file():
            progress.say(f"stage {stage.name}: done before")
            network = keras.models.load_model(checkpoint)
            stages.append(fitted_before(scratch))
            continue
        stages.append(_train_stage(recipe, stage, network, train, validation, places, scratch, progress))
        part = checkpoint.with_suffix(".part.keras")
        network.save(part)
        part.replace(checkpoint)
    return network, stages


def checkpoint_name(number: int, stage: Stage) -> str:
    """Of what a stage left. number: counted from 1."""
    return f"{number}_{stage.name}.keras"


def _train_stage(
    recipe: SpeciesRecipe,
    stage: Stage,
    network: keras.Model,
    train: Crops,
    validation: Crops,
    places: Places,
    scratch: Path,
    progress: Progress,
) -> Fitted:
    own, held_out = train.of(stage.data), validation.of(stage.data)
    outputs = int(network.output_shape[-1])
    body, tail = split_network(network, stage.last_layers)
    keep = ArrayCache(places.cache)
    with progress.track(f"{stage.name}: crops and their copies", recipe.augmentation.copies + 1) as bar:
        copies = []
        for copy in range(recipe.augmentation.copies + 1):
            copies.append(seen_by(body, own.pixels, recipe, copy, keep))
            bar.advance()
    tail.compile(
        make_optimiser(stage.optimiser),
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.head.label_smoothing),
        metrics=["accuracy"],
    )
    targets = np.eye(outputs, dtype=np.float32)
    given = (seen_by(body, held_out.pixels, recipe, 0, keep).astype(np.float32), targets[held_out.truth])
    settings = recipe.for_stage(stage)
    batches = CopiedBatches(copies, targets[own.truth], stage.batch_size, recipe.seed, epochs_done(scratch))
    weights = balanced_weights(own.truth, outputs) if recipe.class_weights else None
    return fit(tail, settings, batches, given, scratch, places.logs / scratch.name, progress, weights)


def assemble(networks: Sequence[keras.Model], recipe: SpeciesRecipe, train: Crops, cache: Path) -> keras.Model:
    """What answers, of trained networks; see `footprints.species.whole`. Likeness is by what no stage trains."""
    body, tail = split_network(networks[0], max(stage.last_layers for stage in recipe.stages))
    likeness = learn_likeness(seen_by(body, train.pixels, recipe, 0, ArrayCache(cache)))
    return answer_together(body, tail, likeness, networks[1:])
