"""Draws an input for people to look at: a picture as it is, a sound as a spectrogram, values as lines."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio
from pipit.inputs.audio import decode_audio
from pipit.inputs.image import decode_image
from pipit.training.plots import ORANGE
from pipit.types import Box, Region, TimeSpan

RANGE = 80.0
"""Decibels of a spectrogram that are told apart, below its loudest."""


def draw_input(axes: Axes, item: Input, region: Region = None) -> None:
    """region: of an answer; a frame is drawn around it. Of a sequence, the last item. Raises InvalidInput."""
    if isinstance(item, InputSequence):
        draw_input(axes, item.items[-1], region)
        return
    if isinstance(item, EncodedImage):
        axes.imshow(decode_image(item))
        axes.set_axis_off()
    elif isinstance(item, EncodedAudio | PcmAudio):
        _draw_sound(axes, item)
    else:
        values = np.asarray(item.values, np.float64)
        axes.plot(values.reshape(1, -1).T if isinstance(item, Landmarks) else values.reshape(len(values), -1))
    if isinstance(region, Box):
        place = (region.left, region.top)
        axes.add_patch(Rectangle(place, region.width, region.height, fill=False, edgecolor=ORANGE, linewidth=2))
    elif isinstance(region, TimeSpan) and isinstance(item, EncodedAudio | PcmAudio):
        for second in (region.start, region.end):
            axes.axvline(second, color=ORANGE, linewidth=1.5)


def _draw_sound(axes: Axes, item: EncodedAudio | PcmAudio) -> None:
    samples, rate = decode_audio(item)
    size = min(512, len(samples))
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: max(1, size // 2)]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    decibels = 10.0 * np.log10(np.maximum(power.T, 1e-12))
    top = float(decibels.max())
    seconds = len(samples) / rate
    axes.imshow(
        decibels, origin="lower", aspect="auto", vmin=top - RANGE, vmax=top, extent=(0.0, seconds, 0.0, rate / 2_000.0)
    )
    axes.set(xlabel="seconds", ylabel="kHz")
