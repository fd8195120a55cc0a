"""Batch norm that trains in one operation. Importing this imports Keras.

Keras spells batch norm out in 18 operations, each of which reads and writes the whole activation: a third of the time
that a small network of convolutions trains on a processor. TensorFlow has it fused, forwards and backwards. The numbers
are the same up to rounding, and so are the layer's name, weights and inference, by which networks are exported.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

_PICTURES = 4
"""Axes of what the fused operation takes: (batch, height, width, channels)."""


@keras.saving.register_keras_serializable(package="pipit")
class BatchNormalization(layers.BatchNormalization):
    """See `keras.layers.BatchNormalization`; channels are the last axis."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """inputs: (batch, height, width, channels) for the fused operation; others go Keras' own way."""
        if not training or not self.trainable or mask is not None or len(inputs.shape) != _PICTURES:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # noqa: PLC0415 (heavy, and only here)

        gamma, beta = (ops.convert_to_tensor(value) for value in (self.gamma, self.beta))
        outputs, mean, unbiased = tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, epsilon=self.epsilon, is_training=True
        )
        places = ops.cast(ops.prod(ops.shape(inputs)[:-1]), unbiased.dtype)
        # Keras remembers the variance of the batch itself.
        variance = unbiased * ((places - 1) / places)
        for kept, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + ops.stop_gradient(seen) * (1.0 - self.momentum))
        return outputs
