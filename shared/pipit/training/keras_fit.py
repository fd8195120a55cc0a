"""What every Keras trainer does around `fit`: seed, learning-rate schedule, early stopping, TensorBoard, resume.

Importing this imports Keras; only trainers that use Keras do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import keras

from pipit.files import write_atomically
from pipit.training.fitting import (
    LOWEST_LEARNING_RATE,
    PLATEAU_FACTOR,
    Fitted,
    best_epoch,
    epochs_without_gain,
    fitted,
    history_from_json,
    history_to_json,
    learning_rate_at,
    plateau_patience,
)
from pipit.training.keras_distributed import FollowChief, Together, data_parallel, share_weights
from pipit.training.keras_group import Group
from pipit.training.progress import Bar, Progress
from pipit.training.recipe import Optimiser, Recipe


def seed_everything(seed: int) -> None:
    """Seeds Python, numpy and TensorFlow, and makes TensorFlow's operations give the same sums each time."""
    import tensorflow as tf  # noqa: PLC0415 (heavy, and only here)

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def make_optimiser(settings: Optimiser) -> keras.optimizers.Optimizer:
    """The optimiser that a recipe names."""
    rate, decay = settings.learning_rate, settings.weight_decay or None
    if settings.name == "sgd":
        return keras.optimizers.SGD(rate, momentum=settings.momentum, weight_decay=decay)
    if settings.name == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    if settings.name == "adamax":
        return keras.optimizers.Adamax(rate, weight_decay=decay)
    return keras.optimizers.Adam(rate, weight_decay=decay)


def fit(
    model: keras.Model,
    recipe: Recipe,
    train: Any,
    validation: tuple[Any, Any],
    scratch: Path,
    logs: Path,
    progress: Progress,
    class_weights: Mapping[int, float] | None = None,
    group: Group | None = None,
) -> Fitted:
    """Trains a compiled `model`, and leaves the weights of its best epoch in it.

    train: a `keras.utils.PyDataset`. The best epoch is the one of the lowest validation loss. scratch: where an
    interrupted training goes on from; logs: TensorBoard's. group: the workers that train together; then `train` gives
    this one's share of each batch, `validation` is the same everywhere, and the chief alone keeps anything.
    Raises InvalidInput if the validation loss was never a number.
    """
    best = scratch / "best.weights.h5"
    memory = _Memory(scratch / "history.json", best, recipe.early_stopping_patience)
    is_chief = group is None or group.is_chief
    callbacks: list[keras.callbacks.Callback] = []
    if is_chief:
        # First, so that what it restores is there when the others begin.
        callbacks.append(keras.callbacks.BackupAndRestore(str(scratch / "backup"), delete_checkpoint=False))
    if group is not None:
        validation = group.share_of(validation)
        callbacks.append(Together(group, len(validation[1])))
    if is_chief:
        callbacks += [memory, keras.callbacks.TensorBoard(str(logs), write_graph=False)]
    callbacks.append(_rate_callback(recipe))
    with _EpochBar(progress, recipe.epochs) as bar, nullcontext() if group is None else data_parallel(model, group):
        model.fit(
            train,
            epochs=recipe.epochs,
            validation_data=validation,
            class_weight=dict(class_weights) if class_weights else None,
            # Workers must come to the shares of one batch at the same moment.
            shuffle=group is None,
            callbacks=[*callbacks, bar, *([] if group is None else [FollowChief(group)])],
            verbose=0,
        )
    if group is None:
        found = fitted(memory.history)
        model.load_weights(str(best))
        return found
    kept = json.loads(group.text_from_chief(json.dumps(history_to_json(memory.history))))
    # After all know the history, so that a training that came to nothing ends for all of them.
    found = fitted(history_from_json(kept))
    if is_chief:
        model.load_weights(str(best))
    share_weights(model, group)
    return found


def fitted_before(scratch: Path) -> Fitted:
    """What `fit` gave when it came to its end. scratch: as it was given."""
    return fitted(history_from_json(json.loads((scratch / "history.json").read_bytes())))


def epochs_done(scratch: Path) -> int:
    """Of an interrupted training. scratch: as `fit` was given."""
    try:
        history = json.loads((scratch / "history.json").read_bytes())
    except (OSError, ValueError):
        return 0
    return max((len(values) for values in history.values()), default=0)


def _rate_callback(recipe: Recipe) -> keras.callbacks.Callback:
    if recipe.optimiser.schedule == "plateau":
        return keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss",
            factor=PLATEAU_FACTOR,
            patience=plateau_patience(recipe.early_stopping_patience),
            min_lr=recipe.optimiser.learning_rate * LOWEST_LEARNING_RATE,
        )
    return keras.callbacks.LearningRateScheduler(
        lambda epoch, _: learning_rate_at(recipe.optimiser, epoch, recipe.epochs)
    )


class _Memory(keras.callbacks.Callback):
    """Early stopping and best weights that outlive the process; Keras' own forget both when a training is resumed."""

    def __init__(self, path: Path, best: Path, patience: int) -> None:
        super().__init__()
        self._path = path
        self._best = best
        self._patience = patience
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._path.exists():
            self.history = history_from_json(json.loads(self._path.read_bytes()))

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        # What was noted of an epoch that the backup does not hold is measured anew.
        self.history = {name: values[:epoch] for name, values in self.history.items()}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        losses = self.history["val_loss"]
        if best_epoch(losses) == epoch:
            part = self._best.with_name("part.weights.h5")
            self.model.save_weights(str(part))
            part.replace(self._best)
        write_atomically(self._path, json.dumps(history_to_json(self.history)).encode())
        if epochs_without_gain(losses) >= self._patience:
            self.model.stop_training = True


class _EpochBar(keras.callbacks.Callback, AbstractContextManager["_EpochBar"]):
    """One step of the bar for each epoch, with the losses beside it."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        super().__init__()
        self._context = progress.track("training", epochs)
        self._bar: Bar | None = None
        self._begun = False

    def __enter__(self) -> Self:
        self._bar = self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if not self._begun and self._bar is not None:
            self._begun = True
            if epoch:
                self._bar.advance(epoch, "resumed")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        values = logs or {}
        note = f"loss {values.get('loss', math.nan):.3f}, validation {values.get('val_loss', math.nan):.3f}"
        if self._bar is not None:
            self._bar.advance(1, note)
