"""The networks of `ad_detection.frames`: pixels, RGB 0..255, (crop, crop, 3), to logits of the labels.

    pixels -> backbone -> mean over places -> Dense(256), ReLU -> Dropout(0.3) -> Dense(labels)
              `------ body ------------------´  `------------- tail --------------------------´

The guide's head has one sigmoid. Two logits under a softmax are the same function (the sigmoid of their difference),
and thresholds, reports and bundles are made for one score a label.
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers
from pipit.pipelines.pictures import INPUT
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.by_input.pictures.networks.split import FEATURES, split_network
from pipit.training.keras_norm import BatchNormalization

from ad_detection.frames.base import load_start
from ad_detection.frames.pipeline import OUTPUT
from ad_detection.frames.recipe import BACKBONE_LAYERS, FramesRecipe

NAMES = {"efficientnet_lite0": "efficientnet_lite0", "mobilenet": "mobilenet_v3_small", "resnet": "resnet50"}
"""Of backbones, by the names that recipes give the networks."""
MOMENTUM = 0.8
"""Of batch norm in `small`: Keras' 0.99 is too slow for a training of a few hundred steps."""


def build_network(recipe: FramesRecipe, weights: Path | None, labels: int) -> keras.Model:
    """As training begins. weights: ImageNet's. labels: how many.

    Raises NotFound, InvalidInput for `start_from`, Unavailable where the weights are not there.
    """
    pretrained = recipe.weights == "imagenet" and recipe.start_from is None
    if recipe.network == "small":
        backbone = _small(recipe.crop)
    else:
        backbone = BACKBONES[NAMES[recipe.network]].build(weights, recipe.crop, INPUT, pretrained=pretrained)
    value = layers.GlobalAveragePooling2D(name=FEATURES)(backbone.output)
    if recipe.head.units:
        value = layers.Dense(recipe.head.units, activation="relu", name="hidden")(value)
    value = layers.Dropout(recipe.head.dropout, name="dropout")(value)
    network = keras.Model(backbone.input, layers.Dense(labels, name=OUTPUT)(value), name=recipe.network)
    return network if recipe.start_from is None else load_start(Path(recipe.start_from).expanduser(), network)


def freeze(network: keras.Model, recipe: FramesRecipe) -> tuple[keras.Model, keras.Model]:
    """Says which layers train. Gives the body, which stays as it is, and the tail, which trains.

    Batch norm of weights that came from elsewhere stays in inference mode: batches of a small set would undo it.
    """
    most = BACKBONE_LAYERS[recipe.network]
    settled = recipe.weights == "imagenet" or recipe.start_from is not None
    last = 0 if recipe.freeze_layers == "all" else most - recipe.freeze_layers
    return split_network(network, last, norms=not settled)


def _small(side: int) -> keras.Model:
    value = inputs = keras.Input((side, side, 3), name=INPUT)
    value = layers.Rescaling(1.0 / 127.5, offset=-1.0)(value)
    for number, filters in enumerate((16, 32, 64), 1):
        # By name a bundle's weights find their layer again.
        name = f"convolution_{number}"
        value = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=name)(value)
        value = layers.ReLU()(BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(value))
    return keras.Model(inputs, value)
