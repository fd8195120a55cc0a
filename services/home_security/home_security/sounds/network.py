"""The networks: (bands, frames, 1) log-mel to logits.

guide    three Conv-BN-pool blocks, Flatten, Dense 256: 14 M weights, nearly all in one layer
small    separable convolutions and global pooling: 0.1 M weights
yamnet   YAMNet's body, frozen, pooled over the window, and a head of its own
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from pipit.errors import InvalidInput

from home_security.sounds.equalise import CEILING, channel_ranges, equalise
from home_security.sounds.pipeline import INPUT, OUTPUT
from home_security.sounds.recipe import Network
from home_security.sounds.yamnet import EMBEDDING, FRAMES, build_body

MOMENTUM = 0.8
"""Of batch norm: Keras' 0.99 leaves its statistics near their start in a training of a few hundred steps, and the
network at chance when it is evaluated."""

Shape = tuple[int, int, int]


def guide(shape: Shape, outputs: int, options: Network) -> keras.Model:
    """As the guide gives it. Linear after the last layer: softmax is the pipeline's."""
    value = inputs = keras.Input(shape, name=INPUT)
    value = _scaled(value)
    for filters in (32, 64, 128):
        value = layers.Conv2D(filters, 3, padding="same", activation="relu")(value)
        value = layers.BatchNormalization(momentum=MOMENTUM)(value)
        value = layers.MaxPooling2D(2)(value)
    value = layers.Flatten()(value)
    value = layers.Dense(256, activation="relu")(value)
    value = layers.Dropout(options.dropout)(value)
    return keras.Model(inputs, layers.Dense(outputs, name=OUTPUT)(value), name="guide")


def small(shape: Shape, outputs: int, options: Network) -> keras.Model:
    """Depthwise-separable blocks; the mean and the maximum over time and bands; one dense layer."""
    value = inputs = keras.Input(shape, name=INPUT)
    value = _scaled(value)
    value = layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False)(value)
    value = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(value))
    for filters, stride in ((48, 2), (96, 2), (96, 1), (192, 2), (192, 1)):
        value = _separable(value, filters, stride)
    pooled = layers.Concatenate()([layers.GlobalAveragePooling2D()(value), layers.GlobalMaxPooling2D()(value)])
    pooled = layers.Dropout(options.dropout)(pooled)
    return keras.Model(inputs, layers.Dense(outputs, name=OUTPUT)(pooled), name="small")


def yamnet_embedder(shape: Shape, weights: Path, windows: NDArray[np.float32]) -> keras.Model:
    """Log-mel of a window to one embedding of 1,024, the mean over its patches. Nothing in it is trained.

    windows: log-mel of training clips, (clips, bands, frames, 1), by which the body is made fit for 8 bits.
    """
    starts = patch_starts(shape[1])
    body = build_body(weights, CEILING)
    heard = np.concatenate([windows[:, :, start : start + FRAMES].swapaxes(1, 2) for start in starts])
    convolutions = [layer for layer in body.layers if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)]
    equalise(convolutions, channel_ranges(build_body(weights), heard))
    inputs = keras.Input(shape, name=INPUT)
    # All patches go through the body as one batch, patch by patch within it.
    frames_first = layers.Permute((2, 1, 3))(inputs)
    patches = ops.concatenate([frames_first[:, start : start + FRAMES] for start in starts], axis=0)
    embeddings = ops.reshape(body(patches), (len(starts), -1, EMBEDDING))
    return keras.Model(inputs, ops.mean(embeddings, axis=0), name="embedder")


def patch_starts(frames: int) -> list[int]:
    """First frames of the fewest patches that hear the whole window, evenly spread. Raises InvalidInput."""
    if frames < FRAMES:
        raise InvalidInput(f"YAMNet needs windows of at least 0.98 s; {frames} frames are too few")
    count = -(-frames // FRAMES)
    return [round(index * (frames - FRAMES) / max(1, count - 1)) for index in range(count)]


def yamnet_head(outputs: int, options: Network, embeddings: NDArray[np.float32]) -> keras.Model:
    """Embedding to logits. embeddings: of the training clips, which set the scale of its input."""
    value = inputs = keras.Input((embeddings.shape[1],), name="embedding")
    deviation = embeddings.std(axis=0)
    # A channel that hardly ever answers would be blown up to noise: no deviation counts less than a tenth of the usual.
    scale = layers.Normalization(
        mean=embeddings.mean(axis=0), variance=np.maximum(deviation, 0.1 * deviation.mean()) ** 2, name="scale"
    )
    value = scale(value)
    penalty = keras.regularizers.L2(options.weight_decay)
    value = layers.Dropout(options.dropout)(value)
    if options.hidden:
        value = layers.Dense(options.hidden, activation="relu", kernel_regularizer=penalty)(value)
        value = layers.Dropout(options.dropout)(value)
    # From zero: random weights on 1,024 inputs would first have to be unlearnt.
    last = layers.Dense(outputs, name=OUTPUT, kernel_regularizer=penalty, kernel_initializer="zeros")
    return keras.Model(inputs, last(value), name="head")


def yamnet(embedder: keras.Model, head: keras.Model) -> keras.Model:
    """Both as one network, so that a bundle is one file. The head's scaling is folded into its first layer."""
    value = embedder.output
    mean, deviation = _scale_of(head)
    dense = [layer for layer in head.layers if isinstance(layer, layers.Dense)]
    for position, layer in enumerate(dense):
        kernel, bias = layer.get_weights()
        if position == 0:
            kernel = kernel / deviation[:, np.newaxis]
            bias = bias - mean @ kernel
        copy = layers.Dense(layer.units, activation=layer.activation, name=layer.name)
        value = copy(value)
        copy.set_weights([kernel, bias])
    return keras.Model(embedder.input, value, name="yamnet")


def _scale_of(head: keras.Model) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scale = head.get_layer("scale")
    mean, variance = (np.asarray(ops.convert_to_numpy(value)).reshape(-1) for value in (scale.mean, scale.variance))
    return mean, np.sqrt(variance)


def _scaled(value: keras.KerasTensor) -> keras.KerasTensor:
    """-80..0 dB to -1..1."""
    return layers.Rescaling(1.0 / 40.0, offset=1.0)(value)


def _separable(value: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
    shortcut = value
    value = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(value)
    value = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(value))
    value = layers.Conv2D(filters, 1, use_bias=False)(value)
    value = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(value))
    return layers.Add()([shortcut, value]) if shortcut.shape[1:] == value.shape[1:] else value
