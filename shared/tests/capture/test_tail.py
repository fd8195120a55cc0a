"""What of a stream an answer is about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.capture.tail import StreamTail
from pipit.inputs import EncodedImage, InputSequence, Landmarks, PcmAudio
from pipit.types import Prediction, TimeSpan

RATE = 100


def about(start: float, end: float) -> list[Prediction]:
    return [Prediction((), TimeSpan(start, end))]


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(0, 100), st.integers(1, 100), st.integers(1, 2)
)
def test_the_window_is_cut_whatever_the_pieces_are(sizes: list[int], first: int, length: int, channels: int) -> None:
    """Samples count up, so that each says where it was heard."""
    total = sum(sizes)
    first, last = min(first, total - 1), min(first + length, total)
    tail, at = StreamTail(), 0
    for size in sizes:
        samples = np.arange(at, at + size, dtype=np.float32)[:, np.newaxis] / np.float32(32768)
        tail.add(PcmAudio(np.repeat(samples, channels, axis=1), RATE), at / RATE, (at + size) / RATE)
        at += size
    cut = tail.cut(about(first / RATE, last / RATE))
    assert cut is not None
    assert isinstance(cut.item, PcmAudio)
    assert cut.item.samples.shape[1] == 1
    assert cut.item.samples[:, 0] * 32768 == pytest.approx(np.arange(first, max(first, last)))
    assert cut.begins == first / RATE


def test_what_was_heard_before_it_was_held_is_not_made_up() -> None:
    tail = StreamTail()
    tail.add(PcmAudio(np.zeros((200, 1), np.float32), RATE), 5.0, 7.0)
    assert tail.cut(about(4.0, 6.0)) is None
    assert tail.cut(about(5.0, 6.0)) is not None


def test_a_long_stream_is_held_for_a_minute() -> None:
    tail = StreamTail()
    for second in range(200):
        tail.add(PcmAudio(np.zeros((RATE, 1), np.float32), RATE), second, second + 1)
    assert tail.cut(about(120.0, 130.0)) is None
    cut = tail.cut(about(100.0, 200.0))
    assert cut is not None
    assert isinstance(cut.item, PcmAudio)
    assert (len(cut.item.samples), cut.begins) == (60 * RATE, 140.0)


def test_of_pictures_the_last_one_and_of_steps_those_of_the_span() -> None:
    pictures, steps = StreamTail(), StreamTail()
    for second in range(4):
        pictures.add(EncodedImage(bytes([second])), second, second + 1)
        steps.add(Landmarks(np.full(3, second, np.float32)), second, second + 1)
    cut = pictures.cut(about(1.0, 2.0))
    assert cut is not None
    assert cut.item == EncodedImage(b"\3")
    cut = steps.cut(about(1.0, 3.0))
    assert cut is not None
    assert isinstance(cut.item, InputSequence)
    assert [int(one.values[0]) for one in cut.item.items if isinstance(one, Landmarks)] == [1, 2]
    assert StreamTail().cut(about(0.0, 1.0)) is None
