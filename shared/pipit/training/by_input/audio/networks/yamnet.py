"""YAMNet's body (MobileNetV1 behind a log-mel spectrogram) in Keras, with the weights of the published network.

Source: https://github.com/tensorflow/models/tree/master/research/audioset/yamnet (Apache-2.0). Its 8-bit weights are
read from `backbones/yamnet_logmel96x64_w8.onnx`, which `pipit data fetch yamnet` makes. Batch norm is folded there.

It hears patches of 96 frames (0.96 s), as the front end gives them, and only so: running its convolutions over 5 s in
one piece is cheaper, but its last layers then see hardly any of the zeros at the edges that they were trained with, and
what they give is no longer an embedding of YAMNet's.
"""

from __future__ import annotations

from pathlib import Path

import keras
import onnx
from keras import layers

from pipit.errors import InvalidInput
from pipit.inputs.audio import PATCH_FRAMES
from pipit.training.by_input.audio.networks.yamnet_file import BANDS, CONVOLUTIONS
from pipit.training.by_input.audio.networks.yamnet_weights import constants_of


def build_body(weights: Path, ceiling: float | None = None) -> keras.Model:
    """One patch (96 frames, 64 bands, 1) to its embedding (1024,). Raises InvalidInput for another network.

    ceiling: of its ReLUs, which have none in YAMNet; for a body whose channels are then rescaled to it.
    """
    graph = onnx.load(str(weights)).graph
    constants = constants_of(graph)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    if len(convolutions) != CONVOLUTIONS:
        raise InvalidInput(f"{weights} is not YAMNet: it has {len(convolutions)} convolutions, not {CONVOLUTIONS}")
    inputs = value = keras.Input((PATCH_FRAMES, BANDS, 1), name="patch")
    for position, node in enumerate(convolutions):
        kernel, bias = constants[node.input[1]], constants[node.input[2]]
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        layer = _layer(kernel.shape, attributes["group"], attributes["strides"][0], f"yamnet_{position:02d}")
        value = layer(value)
        # ONNX (out, in, frames, bands) to Keras (frames, bands, in, out), depthwise (frames, bands, out, 1).
        layer.set_weights([kernel.transpose((2, 3, 0, 1) if attributes["group"] > 1 else (2, 3, 1, 0)), bias])
        value = layers.ReLU(max_value=ceiling, name=f"yamnet_{position:02d}_relu")(value)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="yamnet_embedding")(value), name="yamnet_body")


def _layer(kernel: tuple[int, ...], group: int, stride: int, name: str) -> layers.Layer:
    size, strides = (kernel[2], kernel[3]), (stride, stride)
    if group > 1:
        return layers.DepthwiseConv2D(size, strides, padding="same", name=name)
    return layers.Conv2D(kernel[0], size, strides, padding="same", name=name)
