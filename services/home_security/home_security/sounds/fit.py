"""Trains a Keras network on features: one loop for every network, in the trainer and in cross-validation.

An epoch's randomness (order, copies, masks, mixup, dropout) follows from the seed and the epoch's number alone, so a
training that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pipit.bundle.files import write_atomically
from pipit.errors import InvalidInput
from pipit.training.progress import Progress

from home_security.sounds.augment import mask_bands_and_frames, mix
from home_security.sounds.recipe import SoundsRecipe

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Samples:
    """rows: (clips, 1 + copies, …), the first copy the clip as it is. targets: (clips,), label numbers."""

    rows: Rows
    targets: NDArray[np.int64]

    @property
    def plain(self) -> Rows:
        """(clips, …): each clip as it is."""
        return self.rows[:, 0]


@dataclass(slots=True)
class FitState:
    """How far a training is. history: one record an epoch."""

    epoch: int
    best_epoch: int
    best_loss: float
    learning_rate: float
    history: list[dict[str, float]]


def fit_network(
    network: keras.Model,
    train: Samples,
    validation: Samples,
    recipe: SoundsRecipe,
    scratch: Path,
    progress: Progress,
    logs: Path | None = None,
) -> FitState:
    """Trains until the validation loss stands still, and leaves the best weights in `network`.

    scratch: goes on from what an interrupted call left there. logs: for TensorBoard. Raises InvalidInput if the loss
    is no number.
    """
    labels = int(network.output_shape[-1])
    weights = class_weights(train.targets, labels) if recipe.class_weights else np.ones(labels, np.float32)
    network.compile(
        optimizer=_optimiser(recipe),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.network_options.label_smoothing
        ),
    )
    network.optimizer.build(network.trainable_variables)
    state = _resume(network, scratch) or FitState(0, -1, math.inf, recipe.optimiser.learning_rate, [])
    writer = tf.summary.create_file_writer(str(logs)) if logs else tf.summary.create_noop_writer()
    with progress.track(f"training {recipe.network}", recipe.epochs) as bar, writer.as_default():
        bar.advance(state.epoch)
        while state.epoch < recipe.epochs and state.epoch - state.best_epoch <= recipe.early_stopping_patience:
            record = _run_epoch(network, train, validation, weights, recipe, state)
            _note(record, state, network, scratch, recipe)
            for name, value in record.items():
                tf.summary.scalar(name, value, step=state.epoch)
            bar.advance(1, note=f"loss {record['loss']:.3f}, validation {record['validation_loss']:.3f}")
    network.load_weights(scratch / "best.weights.h5")
    return state


def logits_of(network: Callable[..., Any], rows: Rows, batch: int = 32) -> Rows:
    """(clips, …) to (clips, labels)."""
    parts = [np.asarray(network(rows[i : i + batch], training=False)) for i in range(0, len(rows), batch)]
    return np.concatenate(parts)


def class_weights(targets: NDArray[np.int64], labels: int) -> NDArray[np.float32]:
    """Inverse frequency, on average 1 over the samples."""
    counts = np.bincount(targets, minlength=labels).astype(np.float32)
    weights: NDArray[np.float32] = len(targets) / (np.maximum(counts, 1.0) * max(1, np.count_nonzero(counts)))
    return weights


def _run_epoch(
    network: keras.Model, train: Samples, validation: Samples, weights: Rows, recipe: SoundsRecipe, state: FitState
) -> dict[str, float]:
    rate = _learning_rate(recipe, state)
    network.optimizer.learning_rate.assign(rate)
    _seed_dropout(network, recipe.seed, state.epoch)
    losses = []
    for rows, targets in _batches(train, len(weights), recipe, state.epoch):
        losses.append(float(network.train_on_batch(rows, targets, sample_weight=targets @ weights)))
    logits = logits_of(network, validation.plain)
    return {
        "loss": float(np.mean(losses)),
        "validation_loss": cross_entropy(logits, validation.targets, weights),
        "validation_accuracy": float(np.mean(logits.argmax(axis=1) == validation.targets)),
        "learning_rate": rate,
    }


def cross_entropy(logits: Rows, targets: NDArray[np.int64], weights: Rows) -> float:
    """Mean over samples, each weighted by its class."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    each = -log_probability[np.arange(len(targets)), targets]
    return float(np.average(each, weights=weights[targets]))


def _batches(train: Samples, labels: int, recipe: SoundsRecipe, epoch: int) -> Iterator[tuple[Rows, Rows]]:
    """Every clip once, as it is or as one of its copies. A last batch of one is left out: batch norm needs more."""
    generator = np.random.default_rng([recipe.seed, epoch])
    order = generator.permutation(len(train.targets))
    copies = generator.integers(0, train.rows.shape[1], len(order))
    one_hot = np.eye(labels, dtype=np.float32)
    for start in range(0, len(order), recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        if len(chosen) < 2:
            return
        rows = train.rows[chosen, copies[chosen]]
        if rows.ndim == 4:
            rows = mask_bands_and_frames(rows, recipe.augmentation, generator)
        yield mix(rows, one_hot[train.targets[chosen]], recipe.augmentation, generator)


def _note(record: dict[str, float], state: FitState, network: keras.Model, scratch: Path, recipe: SoundsRecipe) -> None:
    if not math.isfinite(record["loss"] + record["validation_loss"]):
        raise InvalidInput(f"the loss is no number in epoch {state.epoch + 1}; lower optimiser.learning_rate")
    state.history.append(record)
    if record["validation_loss"] < state.best_loss:
        state.best_loss, state.best_epoch = record["validation_loss"], state.epoch
        network.save_weights(scratch / "best.weights.h5")
    state.epoch += 1
    _keep(network, state, scratch)


def _keep(network: keras.Model, state: FitState, scratch: Path) -> None:
    """Weights and the optimiser's state in a file of the epoch's own; the state names it and is written last."""
    values = [np.asarray(variable) for variable in (*network.variables, *network.optimizer.variables)]
    path = scratch / f"epoch-{state.epoch % 2}.npz"
    np.savez(path, *values)
    write_atomically(scratch / "state.json", json.dumps({**_fields(state), "file": path.name}).encode())


def _resume(network: keras.Model, scratch: Path) -> FitState | None:
    try:
        kept = json.loads((scratch / "state.json").read_bytes())
        with np.load(scratch / kept.pop("file"), allow_pickle=False) as stored:
            values = [stored[f"arr_{index}"] for index in range(len(stored.files))]
    except (OSError, ValueError, KeyError):
        return None
    variables = (*network.variables, *network.optimizer.variables)
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        return None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return FitState(**kept)


def _fields(state: FitState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in FitState.__slots__}


def _learning_rate(recipe: SoundsRecipe, state: FitState) -> float:
    optimiser = recipe.optimiser
    if state.epoch < optimiser.warmup_epochs:
        return optimiser.learning_rate * (state.epoch + 1) / optimiser.warmup_epochs
    if optimiser.schedule == "cosine":
        share = (state.epoch - optimiser.warmup_epochs) / max(1, recipe.epochs - optimiser.warmup_epochs)
        return optimiser.learning_rate * max(0.01, 0.5 * (1.0 + math.cos(math.pi * share)))
    if optimiser.schedule == "plateau" and state.epoch - state.best_epoch > recipe.early_stopping_patience // 2:
        state.learning_rate *= 0.5
    return state.learning_rate


def _optimiser(recipe: SoundsRecipe) -> keras.optimizers.Optimizer:
    optimiser = recipe.optimiser
    if optimiser.name == "sgd":
        return keras.optimizers.SGD(optimiser.learning_rate, momentum=optimiser.momentum, nesterov=True)
    if optimiser.name == "adamw":
        return keras.optimizers.AdamW(optimiser.learning_rate, weight_decay=optimiser.weight_decay)
    return keras.optimizers.Adam(optimiser.learning_rate)


def _seed_dropout(network: keras.Model, seed: int, epoch: int) -> None:
    for position, layer in enumerate(network.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed + 7919 * epoch, position])
