from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from pipit.capture.content import content_of
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, InputSequence, Landmarks, TensorInput
from pipit.labels.inputs import NUMBERS, input_of


def values(*shape: int) -> Any:
    return np.random.default_rng(1).random(shape).astype(np.float32)


def test_files_go_as_they_are() -> None:
    assert input_of("audio/wav", b"sound") == EncodedAudio(b"sound")
    assert input_of("image/jpeg", b"picture") == EncodedImage(b"picture")


def test_what_a_device_kept_is_asked_about_as_it_came() -> None:
    landmarks = Landmarks(values(9), 1.5)
    again = input_of(*content_of(landmarks)[:2])
    assert isinstance(again, Landmarks)
    assert again.aspect_ratio == 1.5
    np.testing.assert_array_equal(again.values, landmarks.values)
    steps = InputSequence((landmarks, Landmarks(values(9) + 1, 1.5)))
    sequence = input_of(*content_of(steps)[:2])
    assert isinstance(sequence, InputSequence)
    np.testing.assert_array_equal([one.values for one in sequence.items], [one.values for one in steps.items])  # type: ignore[union-attr]
    for name in ("heart", ""):
        tensor = input_of(*content_of(TensorInput(name, values(4, 3)))[:2])
        assert isinstance(tensor, TensorInput)
        assert tensor.name == name
        np.testing.assert_array_equal(tensor.values, values(4, 3))


def test_what_no_model_is_asked_about() -> None:
    stream = io.BytesIO()
    np.savez(stream, one=values(2), two=values(2))
    for media_type, content in ((NUMBERS, stream.getvalue()), (NUMBERS, b"PK"), ("application/json", b"{}")):
        with pytest.raises(InvalidInput):
            input_of(media_type, content)
