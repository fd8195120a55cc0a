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

HISTORY = "history.json"
"""What a training notes of its epochs, in its scratch."""


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
    memory = _Memory(scratch, recipe.early_stopping_patience)
    is_chief = group is None or group.is_chief
    first_epoch = memory.restore(model) if is_chief else 0
    callbacks: list[keras.callbacks.Callback] = []
    if group is not None:
        validation = group.share_of(validation)
        callbacks.append(Together(group, len(validation[1]), first_epoch))
    if is_chief:
        callbacks += [memory, keras.callbacks.TensorBoard(str(logs), write_graph=False)]
    callbacks.append(_rate_callback(recipe))
    with _EpochBar(progress, recipe.epochs) as bar, nullcontext() if group is None else data_parallel(model, group):
        model.fit(
            train,
            epochs=recipe.epochs,
            initial_epoch=first_epoch,
            validation_data=validation,
            class_weight=dict(class_weights) if class_weights else None,
            # Workers must come to the shares of one batch at the same moment.
            shuffle=group is None,
            callbacks=[*callbacks, bar, *([] if group is None else [FollowChief(group)])],
            verbose=0,
        )
    if group is None:
        found = fitted(memory.history)
        memory.load(model, found.best_epoch)
        return found
    kept = json.loads(group.text_from_chief(json.dumps(history_to_json(memory.history))))
    # After all know the history, so that a training that came to nothing ends for all of them.
    found = fitted(history_from_json(kept))
    if is_chief:
        memory.load(model, found.best_epoch)
    share_weights(model, group)
    return found


def fitted_before(scratch: Path) -> Fitted:
    """What `fit` gave when it came to its end. scratch: as it was given."""
    return fitted(history_from_json(json.loads((scratch / HISTORY).read_bytes())))


def epochs_done(scratch: Path) -> int:
    """Of an interrupted training. scratch: as `fit` was given."""
    return max((len(values) for values in _kept_history(scratch).values()), default=0)


def _kept_history(scratch: Path) -> dict[str, list[float]]:
    """Of an interrupted training that can go on; else empty."""
    try:
        history = history_from_json(json.loads((scratch / HISTORY).read_bytes()))
    except (OSError, ValueError):
        return {}
    epochs = max((len(values) for values in history.values()), default=0)
    return history if epochs and _weights_after(scratch, epochs - 1).is_file() else {}


def _weights_after(scratch: Path, epoch: int) -> Path:
    return scratch / f"epoch-{epoch:05}.weights.h5"


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
    """Weights, optimiser, history and early stopping outlive the process, at each end of an epoch.

        epoch-00007.weights.h5   after each epoch; the last and the best are kept, which may be the same
        history.json             written after them: as many epochs as it knows are done

    Keras' own `BackupAndRestore` and `ModelCheckpoint` would write the same weights twice in an epoch that is the best
    so far, which takes as long as a step of a large network, and do not know of each other.
    """

    def __init__(self, scratch: Path, patience: int) -> None:
        super().__init__()
        self._scratch = scratch
        self._patience = patience
        self.history = _kept_history(scratch)

    def restore(self, model: keras.Model) -> int:
        """Gives a compiled model what the last epoch left of it, and says how many are done."""
        done = epochs_done(self._scratch)
        if done:
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            model.load_weights(str(_weights_after(self._scratch, done - 1)))
        return done

    def load(self, model: keras.Model, epoch: int) -> None:
        """Gives a model that was trained to its last epoch the weights that it had after `epoch`, the best."""
        if epoch != len(self.history["val_loss"]) - 1:
            model.load_weights(str(_weights_after(self._scratch, epoch)))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        losses = self.history["val_loss"]
        weights = _weights_after(self._scratch, epoch)
        self.model.save_weights(str(weights))
        write_atomically(self._scratch / HISTORY, json.dumps(history_to_json(self.history)).encode())
        best = best_epoch(losses)
        kept = {weights, weights if best is None else _weights_after(self._scratch, best)}
        for other in self._scratch.glob("epoch-*.weights.h5"):
            if other not in kept:
                other.unlink()
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
