"""How loud a sound is and how bright a picture, on ones whose values are known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pipit.data.measures import QUIETEST, UNITS, measure
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, PcmAudio, TensorInput

RATE = 8_000
SINE = np.sin(2.0 * np.pi * 100.0 * np.arange(2 * RATE) / RATE).astype(np.float32)


def picture(pixels: np.ndarray) -> EncodedImage:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return EncodedImage(buffer.getvalue())


def test_a_sine() -> None:
    found = measure(PcmAudio(SINE[:, np.newaxis], RATE))
    assert found == pytest.approx({"seconds": 2.0, "loudness": -3.01, "peak": 0.0}, abs=0.01)
    # Half the amplitude is 6 dB less, in both.
    half = measure(PcmAudio(0.5 * SINE[:, np.newaxis], RATE))
    assert [found[name] - half[name] for name in ("loudness", "peak")] == pytest.approx([6.02, 6.02], abs=0.01)


def test_channels_are_mixed() -> None:
    opposite = np.stack([SINE, -SINE], axis=1)
    assert measure(PcmAudio(opposite, RATE))["loudness"] == QUIETEST


def test_silence_has_a_number() -> None:
    assert measure(PcmAudio(np.zeros((RATE, 1), np.float32), RATE)) == {
        "seconds": 1.0,
        "loudness": QUIETEST,
        "peak": QUIETEST,
    }


def test_a_picture_half_black_and_half_white() -> None:
    pixels = np.zeros((20, 30, 3))
    pixels[:, 15:] = 255
    found = measure(picture(pixels))
    assert found == pytest.approx({"width": 30.0, "height": 20.0, "brightness": 0.5, "contrast": 0.5})


def test_green_is_brighter_than_blue() -> None:
    plain = [np.zeros((4, 4, 3)) for _ in range(2)]
    plain[0][..., 1] = plain[1][..., 2] = 255
    green, blue = (measure(picture(pixels))["brightness"] for pixels in plain)
    assert (green, blue) == pytest.approx((0.587, 0.114), abs=0.005)


def test_every_measure_has_a_unit() -> None:
    sound, seen = measure(PcmAudio(SINE[:, np.newaxis], RATE)), measure(picture(np.ones((4, 4, 3))))
    assert [*sound, *seen] == list(UNITS)


def test_what_has_neither_and_what_is_broken() -> None:
    assert measure(TensorInput("x", np.ones(3))) == {}
    with pytest.raises(InvalidInput):
        measure(EncodedImage(b"no picture"))
