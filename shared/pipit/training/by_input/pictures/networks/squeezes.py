"""Makes the network fit for 8 bits, without changing what it says.

ImageNet's MobileNetV3-Small has squeeze layers (of squeeze and excitation) that answer 0 to whatever they are shown.
Such an output has no range, so 8 bits get a scale of next to nothing, and XNNPACK refuses the file.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

SQUEEZE, EXCITE = "_squeeze_excite_conv", "_squeeze_excite_conv_1"
SILENT = 1e-6
"""Largest answer of a layer that is taken for silent."""
BATCH = 64


def wake_squeezes(network: keras.Model, crops: NDArray[np.uint8]) -> int:
    """Lets one channel of each silent squeeze layer say 1, which the layer after it does not hear. Gives how many.

    crops: real ones, uint8, (rows, 224, 224, 3), that show which are silent. Of a layer's channels, it is the one
    farthest from ever saying anything.
    """
    names = [layer.name.removesuffix(SQUEEZE) for layer in network.layers if layer.name.endswith(SQUEEZE)]
    if not names:
        return 0
    probes = [network.get_layer(name + SQUEEZE).output for name in names]
    watched = keras.Model(network.input, probes)
    highest = [np.full(probe.shape[-1], -np.inf) for probe in probes]
    for start in range(0, len(crops), BATCH):
        answers = watched.predict_on_batch(crops[start : start + BATCH].astype(np.float32))
        highest = [np.maximum(h, np.asarray(a).max(axis=(0, 1, 2))) for h, a in zip(highest, answers, strict=True)]
    silent = [(name, h) for name, h in zip(names, highest, strict=True) if h.max() < SILENT]
    for name, values in silent:
        channel = int(values.argmin())
        squeeze, excite = network.get_layer(name + SQUEEZE), network.get_layer(name + EXCITE)
        kernel, bias = squeeze.get_weights()
        kernel[..., channel], bias[channel] = 0.0, 1.0
        squeeze.set_weights([kernel, bias])
        kernel, bias = excite.get_weights()
        kernel[:, :, channel] = 0.0
        excite.set_weights([kernel, bias])
    return len(silent)
