"""EfficientNet-Lite0 as Keras has layers for it.

That is EfficientNet-B0 without squeeze and excitation and with ReLU6, so that 8 bits serve it well.

    pixels 0..255 -> (x - 127) / 128 -> stem -> 16 inverted bottlenecks -> top -> features (7, 7, 1280)

Sources: M. Tan and Q. Le, EfficientNet, https://arxiv.org/abs/1905.11946 (table 1); the configuration of the Lite
networks, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from pipit.training.by_input.pictures.networks.efficientnet_lite_weights import Weights, read_weights
from pipit.training.keras_norm import BatchNormalization

STAGES = (
    # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, TOP = 32, 1280
EPSILON = 1e-3
MIDDLE, SPREAD = 127.0, 128.0
"""Of the pixels that ImageNet's weights were trained on: (x - MIDDLE) / SPREAD."""


def build_efficientnet_lite0(weights: Path | None, side: int = 224, name: str = "pixels") -> keras.Model:
    """Pixels, RGB 0..255, (side, side, 3), to features (side / 32, side / 32, 1280).

    weights: the published file, None for random ones. name: of the input. Raises InvalidInput for another file.
    """
    inputs = keras.Input((side, side, 3), name=name)
    value = layers.Rescaling(1 / SPREAD, -MIDDLE / SPREAD, name="scaling")(inputs)
    value = _convolution(value, STEM, 3, 2, "stem")
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES, 1):
        for repeat in range(repeats):
            first = repeat == 0
            value = _bottleneck(value, kernel, stride if first else 1, expansion, channels, f"{stage}_{repeat + 1}")
    network = keras.Model(inputs, _convolution(value, TOP, 1, 1, "top"), name="efficientnet_lite0")
    if weights is not None:
        _assign(network, read_weights(weights))
    return network


def classifier_weights(weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of ImageNet's classes, behind the mean of the features: kernel (1280, 1000) and bias (1000,)."""
    return weights["_fc.weight"].T, weights["_fc.bias"]


def _bottleneck(
    value: keras.KerasTensor, kernel: int, stride: int, expansion: int, channels: int, name: str
) -> keras.KerasTensor:
    """Expand, filter each channel by itself, project; around it a shortcut where the shape stays."""
    before = int(value.shape[-1])
    inner = value
    if expansion > 1:
        inner = _convolution(inner, before * expansion, 1, 1, f"{name}_expand")
    inner = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(inner)
    inner = _activated(inner, f"{name}_depthwise")
    inner = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(inner)
    inner = BatchNormalization(epsilon=EPSILON, name=f"{name}_project_bn")(inner)
    return layers.Add(name=f"{name}_add")([value, inner]) if stride == 1 and before == channels else inner


def _convolution(value: keras.KerasTensor, channels: int, kernel: int, stride: int, name: str) -> keras.KerasTensor:
    value = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(value)
    return _activated(value, name)


def _activated(value: keras.KerasTensor, name: str) -> keras.KerasTensor:
    value = BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(value)
    return layers.ReLU(6.0, name=f"{name}_relu")(value)


def _assign(network: keras.Model, weights: Weights) -> None:
    for layer, source, norm in _pairs():
        kernel = weights[f"{source}.weight"]
        # (out, in, rows, columns) becomes (rows, columns, in, out); of a depthwise one, `in` is the 1 that `out` is.
        axes = (2, 3, 0, 1) if layer.endswith("depthwise") else (2, 3, 1, 0)
        network.get_layer(layer).set_weights([kernel.transpose(axes)])
        parts = ("weight", "bias", "running_mean", "running_var")
        network.get_layer(f"{layer}_bn").set_weights([weights[f"{norm}.{part}"] for part in parts])


def _pairs() -> list[tuple[str, str, str]]:
    """Layers here, and the names of the same convolution and its batch norm in the published file."""
    found = [("stem", "_conv_stem", "_bn0"), ("top", "_conv_head", "_bn1")]
    number = 0
    for stage, (repeats, _, _, expansion, _) in enumerate(STAGES, 1):
        for repeat in range(1, repeats + 1):
            for norm, part in enumerate(("expand", "depthwise", "project")):
                if part != "expand" or expansion > 1:
                    source = f"_blocks.{number}"
                    found.append((f"{stage}_{repeat}_{part}", f"{source}._{part}_conv", f"{source}._bn{norm}"))
            number += 1
    return found
