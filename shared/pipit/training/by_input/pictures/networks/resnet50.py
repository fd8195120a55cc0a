"""ResNet50 with ImageNet's weights, as Keras has it: by Keras' own loader, or from its file, where that lies here.

    pixels, RGB 0..255 -> less the mean of each colour -> ResNet50 -> features (7, 7, 2048)

The weights were trained on pixels in the order blue, green, red, less their means. Here the first convolution's kernels
are turned round instead of every picture, which is the same. 8 bits take 24 MB: this is no network for a Pi.
Source: K. He et al., Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385.
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers

from pipit.errors import InvalidInput, Unavailable

MEANS = (123.68, 116.779, 103.939)
"""Of ImageNet's red, green and blue."""
FIRST = "conv1_conv"


def build_resnet50(
    weights: Path | None, side: int = 224, name: str = "pixels", *, pretrained: bool = True
) -> keras.Model:
    """Pixels, RGB 0..255, (side, side, 3), to features (side / 32, side / 32, 2048).

    weights: Keras' file; None lets Keras fetch it. name: of the input. pretrained: else random. Raises Unavailable if
    Keras can't fetch what it needs, InvalidInput for a file with other weights.
    """
    from_keras = pretrained and weights is None
    inputs = keras.Input((side, side, 3), name=name)
    value = layers.Rescaling(1.0, offset=[-mean for mean in MEANS], name="means")(inputs)
    try:
        network = keras.applications.ResNet50(
            input_tensor=value, include_top=False, weights="imagenet" if from_keras else None
        )
    except Exception as error:
        if not from_keras:
            raise
        raise Unavailable(
            f"Keras could not fetch ResNet50's weights ({error}); try again, or: pipit data fetch resnet50 "
            "--to $PIPIT_DATA, or train the recipe `synthetic`, which needs none"
        ) from error
    if weights is not None and pretrained:
        _load(network, weights)
    if pretrained:
        kernel, bias = network.get_layer(FIRST).get_weights()
        network.get_layer(FIRST).set_weights([kernel[:, :, ::-1], bias])
    return keras.Model(inputs, network.output, name="backbone")


def _load(network: keras.Model, weights: Path) -> None:
    try:
        network.load_weights(weights)
    except (OSError, KeyError, ValueError) as error:
        raise InvalidInput(f"{weights} holds no weights of ResNet50: {error}; fetch it again") from error
