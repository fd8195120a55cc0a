"""Adam that changes a weight in one operation. Importing this imports Keras.

Keras spells the step out in a dozen operations, each of which passes over all weights: of a network of millions of
them, trained on a processor, that is a good part of a step. TensorFlow has it as one, with the same formula.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class _OneOperation:
    """Before one of Keras' two Adams in the order of bases."""

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """See `keras.optimizers.Adam`."""
        import tensorflow as tf  # noqa: PLC0415 (heavy, and only here)

        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        weight, mean, square = (
            each.value if isinstance(each, keras.Variable) else each
            for each in (variable, self._momentums[index], self._velocities[index])
        )
        step = ops.cast(self.iterations + 1, weight.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=ops.power(ops.cast(self.beta_1, weight.dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, weight.dtype), step),
            lr=ops.cast(learning_rate, weight.dtype),
            beta1=ops.cast(self.beta_1, weight.dtype),
            beta2=ops.cast(self.beta_2, weight.dtype),
            epsilon=ops.cast(self.epsilon, weight.dtype),
            grad=ops.cast(gradient, weight.dtype),
        )


@keras.saving.register_keras_serializable(package="pipit")
class Adam(_OneOperation, keras.optimizers.Adam):
    """See `keras.optimizers.Adam`."""


@keras.saving.register_keras_serializable(package="pipit")
class AdamW(_OneOperation, keras.optimizers.AdamW):
    """See `keras.optimizers.AdamW`."""
