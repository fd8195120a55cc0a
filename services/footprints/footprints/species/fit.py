"""Trains the network stage by stage: each begins where the one before ended, and leaves a checkpoint.

    scratch/<number>_<stage>.keras    what a finished stage left; a training that goes on begins after the last of them
    scratch/<number>_<stage>/         what an unfinished one goes on from, see `pipit.training.keras_fit`

What the frozen part of the network says of crops and their varied copies is kept under a digest of all it comes from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from pipit.files import sha256_bytes
from pipit.training.cache import ArrayCache
from pipit.training.fitting import balanced_weights
from pipit.training.keras_distributed import weights_digest
from pipit.training.keras_fit import fit, make_optimiser, seed_everything
from pipit.training.progress import Progress

from footprints.species.augment import augmenter, vary
from footprints.species.network import split_network
from footprints.species.recipe import SpeciesRecipe, Stage

BATCH = 64
"""Crops that go through the frozen part at a time."""
Rows = NDArray[Any]
Truth = NDArray[np.int64]
History = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class Crops:
    """pixels: uint8, (rows, 224, 224, 3). truth: positions of labels, (rows,). sources: data set of each row."""

    pixels: NDArray[np.uint8]
    truth: Truth
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
) -> tuple[keras.Model, list[History]]:
    """The trained network, and the history of each stage. build: makes it as it begins, seeded before."""
    seed_everything(recipe.seed)
    network = build()
    histories: list[History] = []
    for number, stage in enumerate(recipe.stages, 1):
        name = f"{number}_{stage.name}"
        checkpoint = places.scratch / f"{name}.keras"
        scratch = places.scratch / name
        scratch.mkdir(parents=True, exist_ok=True)
        finished = checkpoint.is_file()
        if finished:
            progress.say(f"stage {stage.name}: done before")
            network = keras.models.load_model(checkpoint)
        histories.append(
            _read_history(scratch)
            if finished
            else _train_stage(recipe, stage, network, train, validation, places, scratch, progress)
        )
        if not finished:
            part = checkpoint.with_name(f"{name}.part.keras")
            network.save(part)
            part.replace(checkpoint)
    return network, histories


def _train_stage(
    recipe: SpeciesRecipe,
    stage: Stage,
    network: keras.Model,
    train: Crops,
    validation: Crops,
    places: Places,
    scratch: Path,
    progress: Progress,
) -> History:
    own, held_out = train.of(stage.data), validation.of(stage.data)
    outputs = int(network.output_shape[-1])
    body, tail = split_network(network, stage.last_layers)
    keep = ArrayCache(places.cache)
    with progress.track(f"{stage.name}: crops and their copies", recipe.augmentation.copies + 1) as bar:
        copies = []
        for copy in range(recipe.augmentation.copies + 1):
            copies.append(_seen(body, own.pixels, recipe, copy, keep))
            bar.advance()
    tail.compile(
        make_optimiser(stage.optimiser),
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.head.label_smoothing),
        metrics=["accuracy"],
    )
    targets = np.eye(outputs, dtype=np.float32)
    given = (_seen(body, held_out.pixels, recipe, 0, keep).astype(np.float32), targets[held_out.truth])
    settings = recipe.for_stage(stage)
    batches = CopiedBatches(copies, targets[own.truth], stage.batch_size, recipe.seed, _epochs_done(scratch))
    weights = balanced_weights(own.truth, outputs) if recipe.class_weights else None
    fitted = fit(tail, settings, batches, given, scratch, places.logs / scratch.name, progress, weights)
    return fitted.history


class CopiedBatches(keras.utils.PyDataset):
    """Every row once an epoch, as it is or as one of its copies; which, follows from the seed and the epoch alone."""

    def __init__(
        self, copies: Sequence[Rows], targets: NDArray[np.float32], batch_size: int, seed: int, first_epoch: int = 0
    ) -> None:
        """copies: each (rows, …). targets: (rows, species)."""
        super().__init__()
        self._copies, self._targets = copies, targets
        self._size, self._seed, self._epoch = batch_size, seed, first_epoch
        self._order, self._chosen = self._draw()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = self._order[index * self._size : (index + 1) * self._size]
        values = np.stack([self._copies[self._chosen[row]][row] for row in rows]).astype(np.float32)
        return values, self._targets[rows]

    def on_epoch_end(self) -> None:
        """Draws the next epoch's order and copies."""
        self._epoch += 1
        self._order, self._chosen = self._draw()

    def _draw(self) -> tuple[Truth, Truth]:
        generator = np.random.default_rng([self._seed, self._epoch])
        rows = len(self._targets)
        return generator.permutation(rows), generator.integers(0, len(self._copies), rows)


def _seen(body: keras.Model, pixels: NDArray[np.uint8], recipe: SpeciesRecipe, copy: int, keep: ArrayCache) -> Rows:
    """What the body makes of crops, or of their copy of that number; 0: as they are."""
    is_input = len(body.layers) == 1

    def make() -> Rows:
        augment = augmenter(recipe.augmentation, recipe.seed + 100 * copy) if copy else None
        parts = []
        for start in range(0, len(pixels), BATCH):
            batch = pixels[start : start + BATCH]
            varied = batch if augment is None else vary(augment, batch)
            if is_input:
                parts.append(np.asarray(np.rint(varied), np.uint8))
            else:
                parts.append(np.asarray(body.predict_on_batch(np.asarray(varied, np.float32))))
        return np.concatenate(parts)

    if is_input:
        # As large as the crops, and quickly made: not worth its place on the disk.
        return make()
    key: dict[str, Any] = {
        "crops": sha256_bytes(np.ascontiguousarray(pixels).tobytes()),
        "body": [layer.name for layer in body.layers][-1],
        "weights": weights_digest(body),
    }
    if copy:
        key |= {"augmentation": recipe.augmentation.model_dump(mode="json", exclude={"copies"})}
        key |= {"copy": copy, "seed": recipe.seed, "keras": keras.__version__}
    return keep.get(key, make)


def scores_of(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Crops, uint8, (rows, 224, 224, 3), any number, to scores, (rows, species)."""
    parts = [
        np.asarray(network.predict_on_batch(pixels[start : start + BATCH].astype(np.float32)))
        for start in range(0, len(pixels), BATCH)
    ]
    return np.concatenate([np.zeros((0, int(network.output_shape[-1])), np.float32), *parts])


def _read_history(scratch: Path) -> History:
    history: History = json.loads((scratch / "history.json").read_bytes())
    return history


def _epochs_done(scratch: Path) -> int:
    """Of an interrupted stage."""
    return len(_read_history(scratch)["loss"]) if (scratch / "history.json").is_file() else 0
