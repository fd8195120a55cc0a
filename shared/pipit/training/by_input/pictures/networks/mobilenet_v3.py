"""MobileNetV3-Small with ImageNet's weights, as Keras has it: by Keras' own loader, or from a file that lies here.

The file (`backbones/mobilenet_v3_small_imagenet_torchvision_f16.npz`) holds the same weights under torchvision's names,
batch norm folded. Strides pad as TensorFlow does, right and bottom more, which Keras' own network does as well.
Source: A. Howard et al., Searching for MobileNetV3, https://arxiv.org/abs/1905.02244.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput, Unavailable

FILE = Path("backbones") / "mobilenet_v3_small_imagenet_torchvision_f16.npz"
BLOCKS = 11
LAST = 12
"""torchvision's number of the convolution after the blocks."""
SQUEEZED = (0, 3, 4, 5, 6, 7, 8, 9, 10)
"""Blocks with squeeze and excitation."""

Weights = dict[str, NDArray[np.float32]]


def build_mobilenet_v3(
    weights: Path | None, side: int = 224, name: str = "pixels", *, pretrained: bool = True
) -> keras.Model:
    """Pixels, RGB 0..255, (side, side, 3), to features (side / 32, side / 32, 576). The network scales by itself.

    weights: None lets Keras fetch them. name: of the input. pretrained: else random. Raises Unavailable if Keras can't
    fetch what it needs, InvalidInput for a file with other weights.
    """
    from_keras = pretrained and weights is None
    inputs = keras.Input((side, side, 3), name=name)
    try:
        network = keras.applications.MobileNetV3Small(
            input_tensor=inputs,
            include_top=False,
            weights="imagenet" if from_keras else None,
            include_preprocessing=True,
        )
    except Exception as error:
        if not from_keras:
            raise
        raise Unavailable(
            f"Keras could not fetch MobileNetV3Small's weights ({error}); try again, or put {FILE.name} to "
            f"$PIPIT_DATA/{FILE.parent}, or train the recipe `synthetic`, which needs none"
        ) from error
    if pretrained and weights is not None:
        _assign(network, _read(weights), weights)
    # Keras' own takes a list of one input.
    return keras.Model(inputs, network.output, name="backbone")


def _read(path: Path) -> Weights:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def _assign(network: keras.Model, weights: Weights, path: Path) -> None:
    try:
        for layer, values in _pairs(weights):
            network.get_layer(layer).set_weights(values)
    except (KeyError, ValueError) as error:
        raise InvalidInput(f"{path} holds no weights of MobileNetV3-Small: {error}; fetch it again") from error


def _pairs(weights: Weights) -> list[tuple[str, list[NDArray[np.float32]]]]:
    """Keras' layers with their weights."""
    found = [*_convolution(weights, "features.0", "conv", "conv_bn")]
    for block in range(BLOCKS):
        source, target = f"features.{block + 1}.block", _block_name(block)
        part = 0
        if block:
            found += _convolution(weights, f"{source}.{part}", f"{target}_expand", f"{target}_expand_bn")
            part += 1
        found += _convolution(weights, f"{source}.{part}", f"{target}_depthwise", f"{target}_depthwise_bn", deep=True)
        part += 1
        if block in SQUEEZED:
            for layer, name in (("fc1", "conv"), ("fc2", "conv_1")):
                values = weights[f"{source}.{part}.{layer}.weight"], weights[f"{source}.{part}.{layer}.bias"]
                found.append((f"{target}_squeeze_excite_{name}", [values[0].transpose(2, 3, 1, 0), values[1]]))
            part += 1
        found += _convolution(weights, f"{source}.{part}", f"{target}_project", f"{target}_project_bn")
    return [*found, *_convolution(weights, f"features.{LAST}", "conv_1", "conv_1_bn")]


def _convolution(
    weights: Weights, source: str, layer: str, norm: str, *, deep: bool = False
) -> list[tuple[str, list[NDArray[np.float32]]]]:
    """A convolution and its batch norm. (out, in, rows, columns) becomes (rows, columns, in, out)."""
    kernel = weights[f"{source}.0.weight"].transpose((2, 3, 0, 1) if deep else (2, 3, 1, 0))
    names = ("weight", "bias", "running_mean", "running_var")
    return [(layer, [kernel]), (norm, [weights[f"{source}.1.{name}"] for name in names])]


def _block_name(block: int) -> str:
    return f"expanded_conv_{block}" if block else "expanded_conv"
