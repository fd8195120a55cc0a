"""What is kept between frames, and what that costs, by a CNN whose runs are counted."""

from __future__ import annotations

import numpy as np
import pytest
from ad_detection.temporal.stream import INPUT, FrameStream
from ad_detection.temporal.window import Steps
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, InputSequence
from pipit.types import Decoded, TimeSpan


class Looked:
    """A CNN that sees of a frame the number that it is."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def __call__(self, frame: EncodedImage) -> NDArray[np.float32]:
        if frame.data == b"damaged":
            raise InvalidInput("the picture is damaged")
        self.runs.append(int(frame.data))
        return np.array([float(frame.data)], np.float32)


def frame(number: int) -> EncodedImage:
    return EncodedImage(str(number).encode())


def seen(decoded: Decoded | None) -> list[float]:
    assert decoded is not None
    assert decoded.tensors[INPUT].shape == (1, 5, 1)
    return [float(value) for value in decoded.tensors[INPUT][0, :, 0]]


def test_a_step_costs_one_run_and_every_step_is_answered() -> None:
    look = Looked()
    stream = FrameStream(Steps(), look)
    found = [stream.push(frame(number), float(number)) for number in range(8)]
    assert look.runs == list(range(8))
    assert [seen(one) for one in found[:2]] == [[0.0] * 5, [0.0, 0.0, 0.0, 0.0, 1.0]]
    assert seen(found[-1]) == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert [one.regions for one in found if one is not None][-1] == (TimeSpan(3.0, 7.0),)
    assert stream.seconds == 7.0
    assert stream.finish() is None


def test_a_video_of_many_frames_costs_one_run_a_second() -> None:
    look = Looked()
    stream = FrameStream(Steps(), look)
    answered = [stream.push(frame(number), number / 25) is not None for number in range(25 * 4)]
    assert sum(answered) == len(look.runs) == 5
    assert look.runs == [0, 19, 44, 69, 94]


def test_without_times_frames_are_a_step_apart() -> None:
    timed, untimed = FrameStream(Steps(), Looked()), FrameStream(Steps(), Looked())
    for number in range(7):
        one, other = timed.push(frame(number), float(number)), untimed.push(frame(number))
        assert one is not None
        assert other is not None
        assert seen(one) == seen(other)
        assert one.regions == other.regions


def test_a_picture_that_stands_still_costs_nothing_and_is_answered() -> None:
    look = Looked()
    stream = FrameStream(Steps(), look)
    found = [stream.push(frame(1 if number < 3 else 2), float(number)) for number in range(5)]
    assert look.runs == [1, 2]
    assert seen(found[-1]) == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_a_gap_forgets_and_a_short_one_does_not() -> None:
    stream = FrameStream(Steps(), Looked())
    for number in range(5):
        stream.push(frame(number), float(number))
    assert seen(stream.push(frame(6), 6.0)) == [2.0, 3.0, 4.0, 4.0, 6.0]
    # A seek ahead.
    found = stream.push(frame(90), 90.0)
    assert seen(found) == [90.0] * 5
    assert found is not None
    assert found.regions == (TimeSpan(90.0, 90.0),)


def test_a_damaged_frame_changes_nothing() -> None:
    stream = FrameStream(Steps(), Looked())
    stream.push(frame(1), 0.0)
    with pytest.raises(InvalidInput, match="damaged"):
        stream.push(EncodedImage(b"damaged"), 1.0)
    assert stream.seconds == 0.0
    # Its step is still open to another frame, and else lacks one.
    assert seen(stream.push(frame(2), 1.1)) == [1.0, 1.0, 1.0, 1.0, 2.0]


def test_a_stream_takes_pictures_alone() -> None:
    stream = FrameStream(Steps(), Looked())
    whole = InputSequence((frame(1),))
    assert stream.takes(frame(1))
    assert not stream.takes(whole)
    with pytest.raises(InvalidInput, match="takes pictures, not a sequence"):
        stream.push(whole)
