"""A network, whole and in two parts: crops to the share of each species. `whole` makes of it what answers.

    crops -> scaling -> backbone -> mean -> Dense(512) -> Dropout -> Dense(species) -> softmax
             `---------- body, frozen ----------´  `------ tail, trained: from where the last layers begin ------´

What comes out of the body never changes while the tail is trained, so it is computed once.
"""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from pipit.errors import InvalidInput, NotFound

from footprints.species.backbones import BACKBONES
from footprints.species.recipe import Head

FLOAT_BYTES = 4
SHARES = "shares"
"""The layer that gives each species its share; they add up to 1."""
FEATURES = "features"
"""The layer that takes the mean over places; what is before it is the backbone."""


def build_network(name: str, weights: Path | None, outputs: int, head: Head, *, pretrained: bool = True) -> keras.Model:
    """Crops, RGB 0..255, (224, 224, 3), to the share of each of `outputs` species. name: of `BACKBONES`.

    Raises Unavailable where the backbone's weights are not there, InvalidInput for a file with other ones.
    """
    backbone = BACKBONES[name].build(weights, pretrained)
    value = layers.GlobalAveragePooling2D(name=FEATURES)(backbone.output)
    if head.units:
        value = layers.Dense(head.units, activation="relu", name="hidden")(value)
    value = layers.Dropout(head.dropout, name="dropout")(value)
    value = layers.Dense(outputs, name="logits")(value)
    return keras.Model(backbone.input, layers.Softmax(name=SHARES)(value), name=name)


def split_network(network: keras.Model, last_layers: int) -> tuple[keras.Model, keras.Model]:
    """Body and tail, which share the network's layers. last_layers: of the backbone, that the tail has to train.

    Where a shortcut spans the place, the cut comes before it, and before where there is more to keep than the crop
    itself; at worst the body is the input alone. Batch norm stays as it is (inference mode) everywhere: batches of
    a small set would undo what it knows. Raises InvalidInput for more layers than there are.
    """
    names = [layer.name for layer in network.layers]
    features = names.index(FEATURES)
    if last_layers > features - 1:
        raise InvalidInput(f"last_layers is {last_layers}, but the backbone has {features - 1} layers; name fewer")
    first = features - last_layers
    largest = math.prod(network.input_shape[1:]) / FLOAT_BYTES
    small = [place for place in _cuts(network) if math.prod(network.layers[place].output.shape[1:]) <= largest]
    # The pooling has no weights; behind it there is least to keep.
    cut = features if not last_layers else max((place for place in small if place < first), default=0)
    for place, layer in enumerate(network.layers):
        layer.trainable = place >= first and not isinstance(layer, layers.BatchNormalization)
    between = network.layers[cut].output
    body = keras.Model(network.input, between, name="body")
    return body, keras.Model(between, network.output, name="tail")


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


def _cuts(network: keras.Model) -> list[int]:
    """Places, among the network's layers, of those whose output is all that comes after them needs; ascending."""
    # Keras lists layers without the plain operations between them, which hold tensors as well.
    operations = network.operations
    place = {operation.name: index for index, operation in enumerate(operations)}
    last_use = [0] * len(operations)
    # Layers also stand in the bodies and tails that were made of the network before.
    for node in (node for nodes in network._nodes_by_depth.values() for node in nodes):
        for tensor in node.input_tensors:
            origin = place[tensor._keras_history.operation.name]
            last_use[origin] = max(last_use[origin], place[node.operation.name])
    whole = {
        operation.name
        for index, operation in enumerate(operations)
        if all(last_use[before] <= index for before in range(index))
    }
    return [index for index, layer in enumerate(network.layers) if layer.name in whole]
