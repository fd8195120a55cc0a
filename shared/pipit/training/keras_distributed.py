"""Several processes that train one Keras network together, each on its share of every batch.

Keras 3 can't train under `tf.distribute.MultiWorkerMirroredStrategy` (https://github.com/keras-team/keras/issues/20585):
its `fit` does not understand the strategy's values. The strategy's collective operations work. So each worker runs an
ordinary `fit` of a network of its own, and the strategy only adds up: gradients at each step, metrics at each epoch.
As all begin with the chief's weights and apply the same gradients, their weights stay the same, bit by bit.

    worker 0:  share of the batch ─> gradients ─┐                    ┌─> apply
                                                ├─> weighted mean ───┤
    worker 1:  share of the batch ─> gradients ─┘                    └─> apply
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from pipit.files import sha256_bytes
from pipit.training.keras_group import Group


@contextmanager
def data_parallel(model: keras.Model, group: Group) -> Iterator[None]:
    """Within it, a step of the compiled `model` is one of all workers together.

    Gradients, and the moving statistics of batch norm, are averaged over the samples that each worker had. Batch norm
    itself sees a worker's own share only.
    """
    import tensorflow as tf  # noqa: PLC0415

    optimiser, own_step = model.optimizer, model.train_step
    own_apply = optimiser.apply
    rows: list[Any] = []

    def train_step(data: Any) -> Any:
        rows[:] = [tf.cast(tf.shape(keras.tree.flatten(data)[0])[0], tf.float32)]
        return own_step(data)

    def apply(gradients: Sequence[Any], variables: Any = None) -> Any:
        statistics = [v for v in model.non_trainable_weights if keras.backend.is_float_dtype(v.dtype)]
        mine = [*gradients, *(tf.convert_to_tensor(v.value) for v in statistics)]
        *totals, everybodys = group.total([*(tf.cast(rows[0], each.dtype) * each for each in mine), rows[0]])
        means = [total / tf.cast(everybodys, total.dtype) for total in totals]
        for variable, mean in zip(statistics, means[len(gradients) :], strict=True):
            variable.assign(mean)
        return own_apply(means[: len(gradients)], variables)

    model.train_step, optimiser.apply = train_step, apply
    # XLA knows nothing of other processes.
    model.jit_compile = False
    model.train_function = None
    try:
        yield
    finally:
        del model.train_step, optimiser.apply
        model.train_function = None


def share_weights(model: keras.Model, group: Group) -> None:
    """Gives all workers the chief's weights."""
    _assign(model.weights, group)


def weights_digest(model: keras.Model) -> str:
    """SHA-256 over all weights: the same on all workers that trained together."""
    return sha256_bytes(b"".join(np.ascontiguousarray(weights).tobytes() for weights in model.get_weights()))


class Together(keras.callbacks.Callback):
    """All workers begin where the chief begins, and see the same metrics. Comes before whatever looks at metrics."""

    def __init__(self, group: Group, validation_rows: int, first_epoch: int) -> None:
        """validation_rows: of this worker's share. first_epoch: counted from 0; the chief's counts."""
        super().__init__()
        self._first_epoch = first_epoch
        self._group = group
        self._rows = validation_rows

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Takes over the chief's weights, optimiser and first epoch."""
        optimiser = self.model.optimizer
        if not optimiser.built:
            optimiser.build(self.model.trainable_variables)
        metrics = {id(variable) for metric in self.model.metrics for variable in metric.variables}
        own = [variable for variable in self.model.variables if id(variable) not in metrics]
        _assign([*own, *optimiser.variables], self._group)
        for variable in own:
            # [seed, draws so far] of dropout and the like: the same masks on all workers would be one draw for all.
            if "seed_generator_state" in variable.path:
                variable.assign(np.asarray(variable) + np.array([self._group.index, 0], variable.dtype))
        # As Keras' own `BackupAndRestore` does: `fit` looks at it after this.
        (epoch,) = self._group.from_chief([np.array(self._first_epoch)])
        self.model._initial_epoch = int(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Puts averages over all workers in place of this one's metrics."""
        logs = {} if logs is None else logs
        names = sorted(logs)
        weights = [self._rows if name.startswith("val_") else 1 for name in names]
        own = [np.array([logs[name] * weight, weight]) for name, weight in zip(names, weights, strict=True)]
        for name, (total, weight) in zip(names, self._group.sum(own), strict=True):
            logs[name] = float(total / weight)


class FollowChief(keras.callbacks.Callback):
    """All workers stop when the chief does. Comes last."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Asks."""
        (stop,) = self._group.from_chief([np.array(bool(self.model.stop_training))])
        self.model.stop_training = bool(stop)


def _assign(variables: Sequence[Any], group: Group) -> None:
    values = group.from_chief([np.asarray(variable) for variable in variables])
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
