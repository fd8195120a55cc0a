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
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.pipelines.pictures import INPUT
from pipit.training.by_input.pictures.networks.efficientnet_lite import build_efficientnet_lite0
from pipit.training.keras_kit import FILE

from ad_detection.frames.pipeline import OUTPUT
from ad_detection.frames.recipe import FramesRecipe

FEATURES = "features"
"""The layer that takes the mean over places; what is before it is the backbone."""
MOMENTUM = 0.8
"""Of batch norm in `small`: Keras' 0.99 is too slow for a training of a few hundred steps."""


def build_network(recipe: FramesRecipe, weights: Path | None, labels: int) -> keras.Model:
    """As training begins. weights: ImageNet's. labels: how many.

    Raises NotFound, InvalidInput for `start_from`, Unavailable where the weights are not there.
    """
    if recipe.start_from is not None:
        return load_network(Path(recipe.start_from).expanduser(), recipe, labels)
    if recipe.network == "small":
        backbone = _small(recipe.crop)
    elif recipe.weights == "imagenet" and weights is None:
        raise Unavailable(
            "the weights of EfficientNet-Lite0 are not there; fetch them by: pipit data fetch efficientnet_lite0 "
            "--to $PIPIT_DATA, or train the recipe `synthetic`, which needs none"
        )
    else:
        backbone = build_efficientnet_lite0(weights, recipe.crop, INPUT)
    value = layers.GlobalAveragePooling2D(name=FEATURES)(backbone.output)
    if recipe.head.units:
        value = layers.Dense(recipe.head.units, activation="relu", name="hidden")(value)
    value = layers.Dropout(recipe.head.dropout, name="dropout")(value)
    return keras.Model(backbone.input, layers.Dense(labels, name=OUTPUT)(value), name=recipe.network)


def load_network(run: Path, recipe: FramesRecipe, labels: int) -> keras.Model:
    """What another run trained. Raises NotFound, InvalidInput for another network."""
    path = run / "fit" / FILE
    if not path.is_file():
        raise NotFound(f"start_from: there is no trained network at {path}; name the folder of a run")
    # Without its optimiser, whose memory is of what was trained then.
    network: keras.Model = keras.models.load_model(path, compile=False)
    found = (network.name, *network.input_shape[1:3], network.output_shape[-1])
    if found != (recipe.network, recipe.crop, recipe.crop, labels):
        raise InvalidInput(
            f"start_from: {path} is {found[0]} of {found[1]} pixels and {found[3]} labels, the recipe's is "
            f"{recipe.network} of {recipe.crop} and {labels}"
        )
    return network


def freeze(network: keras.Model, recipe: FramesRecipe) -> tuple[keras.Model | None, keras.Model]:
    """Says which layers train. Gives the body, None where a part of it trains, and what is trained.

    Batch norm of weights that came from elsewhere stays in inference mode: batches of a small set would undo it.
    """
    names = [layer.name for layer in network.layers]
    features = names.index(FEATURES)
    first = features if recipe.freeze_layers == "all" else 1 + recipe.freeze_layers
    settled = recipe.weights == "imagenet" or recipe.start_from is not None
    for place, layer in enumerate(network.layers):
        layer.trainable = place >= first and not (settled and isinstance(layer, layers.BatchNormalization))
    if first < features:
        return None, network
    between = network.get_layer(FEATURES).output
    return keras.Model(network.input, between, name="body"), keras.Model(between, network.output, name="tail")


def _small(side: int) -> keras.Model:
    value = inputs = keras.Input((side, side, 3), name=INPUT)
    value = layers.Rescaling(1.0 / 127.5, offset=-1.0)(value)
    for filters in (16, 32, 64):
        value = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(value)
        value = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(value))
    return keras.Model(inputs, value)
