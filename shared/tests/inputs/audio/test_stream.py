from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import PcmAudio
from pipit.inputs.audio import AudioLimits, StreamWindows, cut_windows, resample

RATE = 16_000


def pushed(stream, samples, rate, sizes):
    """All windows of `samples` pushed in pieces of these sizes, over and over, and those of `finish`."""
    rows, spans = [], []
    position, turn = 0, 0
    while position < len(samples):
        piece = samples[position : position + sizes[turn % len(sizes)], np.newaxis]
        new_rows, new_spans = stream.push(PcmAudio(piece, rate))
        rows.append(new_rows)
        spans += new_spans
        position, turn = position + len(piece), turn + 1
    new_rows, new_spans = stream.finish()
    return np.concatenate([*rows, new_rows]), [*spans, *new_spans]


@settings(max_examples=200, deadline=None)
@given(
    length=st.integers(1, 3_000),
    window=st.integers(1, 400),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5),
    data=st.data(),
)
def test_gives_the_windows_of_the_whole(length, window, sizes, data):
    hop = data.draw(st.integers(1, window))
    samples = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    expected_rows, expected_spans = cut_windows(samples, RATE, window / RATE, hop / RATE)
    rows, spans = pushed(StreamWindows(RATE, window / RATE, hop / RATE), samples, RATE, sizes)
    np.testing.assert_array_equal(rows, expected_rows)
    assert spans == expected_spans


@settings(max_examples=40, deadline=None)
@given(
    rate_in=st.sampled_from([8_000, 22_050, 44_100, 48_000]),
    seconds=st.floats(0.05, 1.5),
    sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=5),
)
def test_gives_the_windows_of_the_whole_at_another_rate(rate_in, seconds, sizes):
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * rate_in)).astype(np.float32)
    # The whole, resampled at once, may be one sample longer: its length is rounded up.
    whole = resample(samples, rate_in, RATE)
    expected_rows, expected_spans = cut_windows(whole, RATE, 0.5, 0.2)
    rows, spans = pushed(StreamWindows(RATE, 0.5, 0.2), samples, rate_in, sizes)
    full = [span for span in expected_spans if span.end <= (len(whole) - 1) / RATE]
    regular = [i for i, span in enumerate(full) if span.start == pytest.approx(0.2 * i, abs=1e-9)]
    for i in regular:
        assert spans[i] == expected_spans[i]
        np.testing.assert_allclose(rows[i], expected_rows[i], atol=1e-6)
    assert spans[-1].end == pytest.approx(len(samples) / rate_in, abs=0.02 + 1.5 / RATE)
    assert abs(len(spans) - len(expected_spans)) <= 1


def test_a_window_comes_as_soon_as_it_is_full():
    stream = StreamWindows(RATE, 0.5, 0.25)
    assert len(stream.push(PcmAudio(np.zeros((7_999, 1), np.float32), RATE))[1]) == 0
    rows, spans = stream.push(PcmAudio(np.ones((1, 1), np.float32), RATE))
    assert rows.shape == (1, 8_000)
    assert rows[0, -1] == 1.0
    assert (spans[0].start, spans[0].end) == (0.0, 0.5)
    rows, spans = stream.push(PcmAudio(np.zeros((16_000, 2), np.float32), RATE))
    assert [(span.start, span.end) for span in spans] == [(0.25, 0.75), (0.5, 1.0), (0.75, 1.25), (1.0, 1.5)]
    assert stream.finish()[0].shape == (0, 8_000)


def test_nothing_pushed_gives_nothing():
    rows, spans = StreamWindows(RATE, 0.5, 0.25).finish()
    assert rows.shape == (0, 8_000)
    assert spans == []


def test_a_short_stream_is_padded():
    stream = StreamWindows(RATE, 0.5, 0.25)
    stream.push(PcmAudio(np.ones((4_000, 1), np.float32), RATE))
    rows, spans = stream.finish()
    np.testing.assert_array_equal(rows, [[1.0] * 4_000 + [0.0] * 4_000])
    assert [(span.start, span.end) for span in spans] == [(0.0, 0.25)]


def test_a_bad_piece_is_left_out_and_the_stream_goes_on():
    limits = AudioLimits(max_seconds=1.0)
    stream = StreamWindows(RATE, 0.5, 0.5, limits)
    stream.push(PcmAudio(np.full((4_000, 1), 0.25, np.float32), RATE))
    with pytest.raises(InvalidInput, match="NaN"):
        stream.push(PcmAudio(np.full((4_000, 1), np.nan, np.float32), RATE))
    with pytest.raises(InvalidInput, match="changed from 16000 to 8000 Hz"):
        stream.push(PcmAudio(np.zeros((4_000, 1), np.float32), 8_000))
    with pytest.raises(InputTooLarge, match="the limit is 1 s"):
        stream.push(PcmAudio(np.zeros((16_001, 1), np.float32), RATE))
    rows, _ = stream.push(PcmAudio(np.full((4_000, 1), 0.5, np.float32), RATE))
    np.testing.assert_array_equal(rows, [[0.25] * 4_000 + [0.5] * 4_000])


def test_refuses_gaps():
    with pytest.raises(InvalidInput, match="gaps"):
        StreamWindows(RATE, 0.5, 0.6)


@pytest.mark.parametrize("rate_in", [RATE, 44_100])
def test_memory_stays_bounded_however_long_the_stream(rate_in):
    stream = StreamWindows(RATE, 1.0, 0.5)
    piece = PcmAudio(np.zeros((rate_in // 10, 1), np.float32), rate_in)

    def minute():
        for _ in range(600):
            stream.push(piece)

    minute()
    tracemalloc.start()
    try:
        minute()
        minute()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A minute at this rate would be 3.8 MB; a window is 64 kB.
    assert peak < 500_000
