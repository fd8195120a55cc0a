"""A network in two parts, of which only the second trains. Importing this imports Keras.

    pixels -> backbone -> mean over places (`features`) -> head
             `-- body, frozen --´ `---- tail, trained ---------´

What comes out of the body never changes while the tail is trained, so it is computed once.
"""

from __future__ import annotations

import math

import keras
from keras import layers

from pipit.errors import InvalidInput

FLOAT_BYTES = 4
FEATURES = "features"
"""The layer that takes the mean over places; what is before it is the backbone."""


def split_network(network: keras.Model, last_layers: int, *, norms: bool = False) -> tuple[keras.Model, keras.Model]:
    """Body and tail, which share the network's layers. last_layers: of the backbone, that the tail has to train.

    Where a shortcut spans the place, the cut comes before it, and before where there is more to keep than the crop
    itself; at worst the body is the input alone. Batch norm stays as it is (inference mode) everywhere, unless `norms`
    trains it with its neighbours: batches of a small set would undo what it knows. Raises InvalidInput for more layers
    than there are.
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
        layer.trainable = place >= first and (norms or not isinstance(layer, layers.BatchNormalization))
    between = network.layers[cut].output
    body = keras.Model(network.input, between, name="body")
    return body, keras.Model(between, network.output, name="tail")


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
