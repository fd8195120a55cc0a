"""What is drawn shows the input where it is: the pitch of a tone, the frame of an answer."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from pipit.inputs import EncodedImage, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.training.drawing import RANGE, draw_input
from pipit.types import Box, TimeSpan

RATE = 8_000


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def tone(pitch: float, frames: int) -> PcmAudio:
    return PcmAudio(np.sin(2.0 * np.pi * pitch * np.arange(frames) / RATE).astype(np.float32)[:, np.newaxis], RATE)


def test_a_tone_is_a_line_at_its_pitch(axes: Axes) -> None:
    draw_input(axes, tone(1_000.0, 2 * RATE), TimeSpan(0.5, 1.5))
    (image,) = axes.images
    drawn = np.asarray(image.get_array())
    left, right, low, high = image.get_extent()
    assert (left, right, low, high) == (0.0, 2.0, 0.0, 4.0)
    loudest = drawn.mean(axis=1).argmax() / (len(drawn) - 1) * high
    assert loudest == pytest.approx(1.0, abs=0.02)
    least, most = image.get_clim()
    assert most - least == RANGE
    assert [line.get_xdata()[0] for line in axes.lines] == [0.5, 1.5]


@pytest.mark.parametrize("frames", [1, 100, 700])
def test_a_short_sound_and_silence_are_drawn(axes: Axes, frames: int) -> None:
    draw_input(axes, PcmAudio(np.zeros((frames, 1), np.float32), RATE))
    (image,) = axes.images
    assert np.isfinite(np.asarray(image.get_array())).all()
    assert image.get_extent()[1] == frames / RATE


def test_a_picture_with_its_frame(axes: Axes) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    draw_input(axes, EncodedImage(buffer.getvalue()), Box(3.0, 4.0, 10.0, 5.0))
    (image,) = axes.images
    assert np.array_equal(np.asarray(image.get_array()), pixels)
    (frame,) = axes.patches
    assert isinstance(frame, Rectangle)
    assert frame.get_bbox().bounds == (3.0, 4.0, 10.0, 5.0)


def test_values_are_lines(axes: Axes) -> None:
    values = np.arange(12.0).reshape(6, 2)
    draw_input(axes, TensorInput("values", values))
    assert [np.asarray(line.get_ydata()).tolist() for line in axes.lines] == values.T.tolist()


def test_of_a_sequence_the_last_is_drawn(axes: Axes) -> None:
    rows = [Landmarks(np.array(values, np.float32)) for values in ([1, 2, 3], [4, 5, 6])]
    draw_input(axes, InputSequence(tuple(rows)))
    assert [np.asarray(line.get_ydata()).tolist() for line in axes.lines] == [[4, 5, 6]]
