"""The two networks of `ad_detection.temporal`.

    pixels (crop, crop, 3) -> [CNN: backbone -> mean over places (-> Dense 256, ReLU)] -> features
    features (5, columns) -> [(Dense 256, ReLU ->) LSTM 128 -> Dense 64, ReLU -> Dropout -> Dense] -> logits

The Dense of 256 belongs to a CNN that has learnt frames with it, and else to what is trained on sequences. The guide's
one sigmoid stands here as two logits under a softmax, as in `ad_detection.frames`. The LSTM is unrolled: five steps of
plain layers, which convert to 8 bits.
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers
from pipit.training.by_input.pictures.networks.split import FEATURES

from ad_detection.frames.network import build_network
from ad_detection.frames.pipeline import OUTPUT
from ad_detection.temporal.recipe import TemporalRecipe
from ad_detection.temporal.stream import INPUT

HIDDEN = "hidden"


def build_frames(recipe: TemporalRecipe, weights: Path | None, labels: int) -> keras.Model:
    """The network of single frames that the CNN is cut from. weights: ImageNet's.

    Raises NotFound, InvalidInput for `start_from`, Unavailable where the weights are not there.
    """
    return build_network(recipe.of_frames, weights, labels)


def cut_cnn(frames: keras.Model, *, learnt: bool) -> keras.Model:
    """Pixels to features; nothing of it trains. learnt: frames, with its hidden layer where it has one."""
    names = {layer.name for layer in frames.layers}
    last = frames.get_layer(HIDDEN if learnt and HIDDEN in names else FEATURES)
    cnn = keras.Model(frames.input, last.output, name="cnn")
    cnn.trainable = False
    return cnn


def build_head(recipe: TemporalRecipe, columns: int, labels: int) -> keras.Model:
    """As training begins. columns: features of a frame."""
    value = inputs = keras.Input((recipe.frames, columns), name=INPUT)
    if recipe.cnn.units and columns != recipe.cnn.units:
        value = layers.Dense(recipe.cnn.units, activation="relu", name=HIDDEN)(value)
    value = layers.LSTM(recipe.head.lstm, unroll=True, name="lstm")(value)
    if recipe.head.units:
        value = layers.Dense(recipe.head.units, activation="relu", name="dense")(value)
    value = layers.Dropout(recipe.head.dropout, name="dropout")(value)
    return keras.Model(inputs, layers.Dense(labels, name=OUTPUT)(value), name="lstm")


def whole_network(cnn: keras.Model, head: keras.Model) -> keras.Model:
    """Both as one, which looks at all frames of a sequence anew: (frames, crop, crop, 3) to logits.

    It is never served: it is what keeping features is measured against.
    """
    inputs = keras.Input((head.input_shape[1], *cnn.input_shape[1:]), name="pixels")
    features = layers.Concatenate(axis=1)(
        [layers.Reshape((1, cnn.output_shape[-1]))(cnn(inputs[:, step])) for step in range(head.input_shape[1])]
    )
    outputs = layers.Identity(name=OUTPUT)(head(features))
    return keras.Model(inputs, outputs, name="whole")
