"""Trains a Keras network on features: the same in the trainer and in cross-validation.

An epoch's order, copies, masks and mixup follow from the seed and the epoch's number alone, so a training that was
interrupted sees what it would have seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime
from pipit.training.fitting import Fitted, balanced_weights
from pipit.training.keras_fit import fit, make_optimiser, seed_everything
from pipit.training.keras_group import Group
from pipit.training.progress import Progress
from pipit.training.quantise import export_litert

from home_security.sounds.augment import mask_bands_and_frames, mix
from home_security.sounds.network import guide, small, yamnet, yamnet_embedder, yamnet_head
from home_security.sounds.pipeline import INPUT
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.yamnet import yamnet_file

Rows = NDArray[np.float32]
Truth = NDArray[np.int64]
Listener = Callable[[Rows], Rows]
"""From log-mel to embeddings."""
CALIBRATION_WINDOWS = 100
"""Training clips that show the ranges of YAMNet's channels."""
_FEWEST = 2
"""Clips in one worker's batch: batch norm needs more than one."""
EMBED_ROWS = 16
"""Windows that go through YAMNet's body at a time."""


@dataclass(frozen=True, slots=True)
class Samples:
    """rows: (clips, 1 + copies, bands, frames, 1), the first the clip as it is. truth: (clips,), category numbers."""

    rows: Rows
    truth: Truth


def train_network(
    recipe: SoundsRecipe,
    outputs: int,
    train: Samples,
    validation: Samples,
    weights: Path | None,
    scratch: Path,
    logs: Path,
    progress: Progress,
    group: Group | None = None,
) -> tuple[keras.Model, Fitted]:
    """The trained network, log-mel to logits, and its history.

    outputs: how many categories. weights: YAMNet's file, for `yamnet`. group: the workers that train it together, each
    of which is given all samples. Raises NotFound if YAMNet's file is needed and missing.
    """
    seed_everything(recipe.seed)
    shape = train.rows.shape[2:]
    if recipe.network != "yamnet":
        network = (guide if recipe.network == "guide" else small)(shape, outputs, recipe.network_options)
        return network, _fit(network, recipe, train, validation, scratch, logs, progress, group)
    windows = _chosen(train.rows[:, 0], recipe.seed)
    embedder = yamnet_embedder(shape, weights or yamnet_file(None), windows)
    # The head learns from what it will be given: float embeddings in one variant, 8-bit ones in another.
    with _in_int8(embedder, windows, scratch) as rounded:
        train = _embedded([embedder.predict_on_batch, rounded], train, recipe, progress)
        validation = _embedded([embedder.predict_on_batch], validation, recipe, progress)
    head = yamnet_head(outputs, recipe.network_options, train.rows[:, 0])
    fitted = _fit(head, recipe, train, validation, scratch, logs, progress, group)
    return yamnet(embedder, head), fitted


def _fit(
    network: keras.Model,
    recipe: SoundsRecipe,
    train: Samples,
    validation: Samples,
    scratch: Path,
    logs: Path,
    progress: Progress,
    group: Group | None,
) -> Fitted:
    outputs = int(network.output_shape[-1])
    smoothing = recipe.network_options.label_smoothing
    network.compile(
        make_optimiser(recipe.optimiser),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        metrics=["accuracy"],
    )
    batches = AugmentedBatches(train, outputs, recipe, _epochs_done(scratch))
    if group is not None:
        (done,) = group.from_chief([np.array(_epochs_done(scratch))])
        batches = AugmentedBatches(train, outputs, recipe, int(done), group.index, group.count)
    targets = np.eye(outputs, dtype=np.float32)[validation.truth]
    class_weights = balanced_weights(train.truth, outputs) if recipe.class_weights else None
    given = (validation.rows[:, 0], targets)
    return fit(network, recipe, batches, given, scratch, logs, progress, class_weights, group)


def _chosen(rows: Rows, seed: int) -> Rows:
    """Some windows, to see the ranges of YAMNet's channels on."""
    return rows[np.random.default_rng(seed).permutation(len(rows))[:CALIBRATION_WINDOWS]]


class AugmentedBatches(keras.utils.PyDataset):
    """Every clip once an epoch, as it is or as one of its copies, masked and mixed.

    Embeddings are cheap: of them every clip comes as often as it has copies, or an epoch would be a few steps only.
    Of several workers each draws the same order, and takes its share of each batch, which has `batch_size` clips for
    each of them.
    """

    def __init__(
        self,
        samples: Samples,
        outputs: int,
        recipe: SoundsRecipe,
        first_epoch: int = 0,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """Raises InvalidInput if there are not two clips for each worker."""
        super().__init__()
        if len(samples.truth) < _FEWEST * workers:
            raise InvalidInput(
                f"{len(samples.truth)} clips to train with are too few for {workers} workers; each needs {_FEWEST}"
            )
        self._worker, self._workers = worker, workers
        self._samples = samples
        self._recipe = recipe
        self._one_hot = np.eye(outputs, dtype=np.float32)
        self._epoch = first_epoch
        self._order, self._copies = self._draw()

    def __len__(self) -> int:
        # A rest that is too small for batch norm joins the batch before.
        full, rest = divmod(len(self._order), self._recipe.batch_size * self._workers)
        return max(1, full + (rest >= _FEWEST * self._workers))

    def __getitem__(self, index: int) -> tuple[Rows, Rows]:
        size = self._recipe.batch_size * self._workers
        end = None if index == len(self) - 1 else (index + 1) * size
        chosen = self._order[index * size : end][self._worker :: self._workers]
        rows = self._samples.rows[chosen, self._copies[chosen]]
        # The chief draws what a process alone would draw.
        own = [self._worker] if self._worker else []
        generator = np.random.default_rng([self._recipe.seed, self._epoch, index, *own])
        if rows.ndim == 4:
            rows = mask_bands_and_frames(rows, self._recipe.augmentation, generator)
        return mix(rows, self._one_hot[self._samples.truth[chosen]], self._recipe.augmentation, generator)

    def on_epoch_end(self) -> None:
        """Draws the next epoch's order and copies."""
        self._epoch += 1
        self._order, self._copies = self._draw()

    def _draw(self) -> tuple[Truth, Truth]:
        generator = np.random.default_rng([self._recipe.seed, self._epoch])
        clips, copies = self._samples.rows.shape[:2]
        repeats = copies if self._samples.rows.ndim == 3 else 1
        order = generator.permutation(np.tile(np.arange(clips), repeats))
        return order, generator.integers(0, copies, size=len(order))


def logits_of(network: Callable[..., Any], rows: Rows, batch: int = EMBED_ROWS) -> Rows:
    """(clips, bands, frames, 1) to (clips, outputs)."""
    return np.concatenate([np.asarray(network(rows[i : i + batch])) for i in range(0, len(rows), batch)])


def _embedded(listeners: Sequence[Listener], samples: Samples, recipe: SoundsRecipe, progress: Progress) -> Samples:
    """Embeddings in place of spectrograms: (clips, listeners x (1 + copies), 1024).

    Copies are masked here: they are heard once.
    """
    clips, copies = samples.rows.shape[:2]
    rows = samples.rows.copy()
    for copy in range(1, copies):
        generator = np.random.default_rng([recipe.seed, copy])
        rows[:, copy] = mask_bands_and_frames(rows[:, copy], recipe.augmentation, generator)
    flat = rows.reshape(-1, *rows.shape[2:])
    heard = []
    with progress.track("listening with YAMNet", len(listeners) * len(flat)) as bar:
        for listen in listeners:
            parts = []
            for start in range(0, len(flat), EMBED_ROWS):
                parts.append(listen(flat[start : start + EMBED_ROWS]))
                bar.advance(len(parts[-1]))
            heard.append(np.concatenate(parts).reshape(clips, copies, -1))
    return Samples(np.concatenate(heard, axis=1), samples.truth)


@contextmanager
def _in_int8(embedder: keras.Model, windows: Rows, scratch: Path) -> Iterator[Listener]:
    """The embedder as 8 bits will make it. Its body is frozen, so that this is known before the head is trained."""
    path = scratch / "embedder.tflite"
    export_litert(embedder, "int8", path, windows)
    runtime = load_runtime(path, "litert")
    output = runtime.outputs[0].name
    try:
        yield lambda rows: runtime.run({INPUT: rows})[output]
    finally:
        runtime.close()


def _epochs_done(scratch: Path) -> int:
    """Of an interrupted training."""
    try:
        history = json.loads((scratch / "history.json").read_bytes())
    except (OSError, ValueError):
        return 0
    return max((len(values) for values in history.values()), default=0)
