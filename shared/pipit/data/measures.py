"""What can be told of an input by itself: how loud a sound is, how bright and how large a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from pipit.inputs import EncodedAudio, EncodedImage, Input, PcmAudio
from pipit.inputs.audio import decode_audio
from pipit.inputs.image import decode_image

QUIETEST = -120.0
"""dBFS. Digital silence has no loudness; it is given this one, which is below what 16 bits can say."""
UNITS: Mapping[str, str] = {
    "seconds": "s",
    "loudness": "dBFS",
    "peak": "dBFS",
    "width": "pixels",
    "height": "pixels",
    "brightness": "0 black to 1 white",
    "contrast": "0 flat to 0.5",
}
"""By measure."""


def measure(item: Input) -> dict[str, float]:
    """By the names of `UNITS`; none of an input that is neither a sound nor a picture.

    Of a sound, its channels mixed: loudness is the root mean square and peak the largest sample, both in decibels below
    full scale, so that a sine as loud as can be has -3 and 0. Of a picture: mean and standard deviation of its luma
    (ITU-R BT.601). Raises InvalidInput, InputTooLarge.
    """
    if isinstance(item, EncodedAudio | PcmAudio):
        samples, rate = decode_audio(item)
        values = samples.astype(np.float64)
        return {
            "seconds": len(values) / rate,
            "loudness": _decibels(float(np.sqrt(np.mean(values**2)))),
            "peak": _decibels(float(np.abs(values).max())),
        }
    if isinstance(item, EncodedImage):
        pixels = decode_image(item)
        luma = np.asarray(Image.fromarray(pixels).convert("L"), np.float64) / 255.0
        height, width = luma.shape
        return {
            "width": float(width),
            "height": float(height),
            "brightness": float(luma.mean()),
            "contrast": float(luma.std()),
        }
    return {}


def _decibels(amplitude: float) -> float:
    return QUIETEST if amplitude <= 0.0 else max(QUIETEST, float(20.0 * np.log10(amplitude)))
