"""A network, whole and in two parts: crops to the share of each species. `whole` makes of it what answers.

    crops -> scaling -> backbone -> mean -> Dense(512) -> Dropout -> Dense(species) -> softmax
             `---------- body, frozen ----------´  `------ tail, trained: from where the last layers begin ------´

What comes out of the body never changes while the tail is trained, so it is computed once.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from pipit.errors import InvalidInput, NotFound
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.by_input.pictures.networks.split import FEATURES

from footprints.species.pipeline import CROP, INPUT
from footprints.species.recipe import Head

SHARES = "shares"
"""The layer that gives each species its share; they add up to 1."""


def build_network(name: str, weights: Path | None, outputs: int, head: Head, *, pretrained: bool = True) -> keras.Model:
    """Crops, RGB 0..255, (224, 224, 3), to the share of each of `outputs` species. name: of `BACKBONES`.

    Raises Unavailable where the backbone's weights are not there, InvalidInput for a file with other ones.
    """
    backbone = BACKBONES[name].build(weights, CROP, INPUT, pretrained=pretrained)
    value = layers.GlobalAveragePooling2D(name=FEATURES)(backbone.output)
    if head.units:
        value = layers.Dense(head.units, activation="relu", name="hidden")(value)
    value = layers.Dropout(head.dropout, name="dropout")(value)
    value = layers.Dense(outputs, name="logits")(value)
    return keras.Model(backbone.input, layers.Softmax(name=SHARES)(value), name=name)


def settle_norms(network: keras.Model, crops: NDArray[np.uint8]) -> None:
    """Gives a network with random weights the statistics of some crops; without them its features are all alike."""
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    network(crops.astype(np.float32), training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum


def load_checkpoint(network: keras.Model, path: Path) -> None:
    """Takes the weights of another network of the same kind; of another head, the backbone's alone. Raises NotFound."""
    if not path.is_file():
        raise NotFound(f"start_from: there is no checkpoint at {path}")
    other = keras.models.load_model(path)
    # Layers without weights bear numbers that Keras counts up.
    for layer in (layer for layer in network.layers if layer.weights):
        source = next((one for one in other.layers if one.name == layer.name), None)
        if source is None:
            raise InvalidInput(f"start_from: {path} is another network; it has no layer {layer.name!r}")
        given = source.get_weights()
        if [value.shape for value in given] == [value.shape for value in layer.get_weights()]:
            layer.set_weights(given)
