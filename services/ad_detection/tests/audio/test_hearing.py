from __future__ import annotations

import numpy as np
import pytest
from ad_detection.audio.hearing import (
    DEAD_SECONDS,
    FARTHEST,
    FRAME,
    HEARD,
    PERCENTILES,
    RATE,
    RHYTHMS,
    SECOND,
    SPREAD,
    USUAL,
    Ear,
    Trailing,
    last_seconds,
    moves,
    seconds_of,
    trailing_row,
)
from hypothesis import given
from hypothesis import strategies as st

SHARE = len(PERCENTILES) + 3
"""Where the share of soft frames stands."""


def plain(levels: np.ndarray[tuple[int], np.dtype[np.float32]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How the level moves, in dB and shares; of what does not lie far out."""
    return np.asarray(moves(levels), np.float64) * SPREAD + USUAL


def noise(seconds: float, seed: int = 1, level: float = 0.1) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(0.0, level, round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("gain", [0.05, 0.5, 2.0])
def test_how_the_level_moves_does_not_depend_on_the_level(gain: float) -> None:
    levels = np.abs(noise(6.0 * FRAME / RATE * 40, 2)) + np.float32(0.01)
    np.testing.assert_allclose(moves(levels * np.float32(gain)), moves(levels), atol=1e-4)


def test_a_steady_tone_does_not_move() -> None:
    steady = np.full(400, 0.2, np.float32)
    found = plain(steady)
    np.testing.assert_allclose(found[:5], [0.0] * 5, atol=1e-4)
    # Nothing on television is as steady: upper percentiles and steps lie as far out as may be.
    assert moves(steady)[5:SHARE].tolist() == [-FARTHEST] * 5
    assert found[SHARE] == pytest.approx(0.0, abs=1e-6)


def test_what_lies_far_out_counts_as_less_far() -> None:
    levels = np.full(400, 1e-5, np.float32)
    levels[::8] = 1.0
    found = moves(levels)
    assert found.min() >= -FARTHEST
    assert found.max() == FARTHEST


@pytest.mark.parametrize(("rate", "place"), [(0.5, 0), (1.5, 1), (3.0, 2), (6.0, 3), (12.0, 4)])
def test_the_rhythm_of_what_swells_is_found(rate: float, place: int) -> None:
    times = np.arange(0.0, 20.0, FRAME / RATE)
    found = moves((0.1 * np.exp(np.sin(2.0 * np.pi * rate * times))).astype(np.float32))
    shares = found[-len(RHYTHMS) :]
    assert int(shares.argmax()) == place
    assert shares[place] == FARTHEST


def test_the_share_of_soft_frames_is_counted() -> None:
    levels = np.full(400, 0.3, np.float32)
    levels[:100] = 0.001
    assert plain(levels)[SHARE] == pytest.approx(0.25)


@given(st.integers(0, 40 * SECOND), st.integers(1, 30))
def test_the_end_of_a_sound_is_never_left_out(length: int, window: int) -> None:
    samples = np.arange(length, dtype=np.float32)
    kept = last_seconds(samples, window)
    pieces = list(seconds_of(kept))
    assert sum(map(len, pieces)) == len(kept) <= window * SECOND
    assert len(pieces) == min(window, (length + SECOND - HEARD) // SECOND)
    if len(kept):
        assert kept[-1] == length - 1
        assert all(len(piece) == SECOND for piece in pieces[:-1])
        assert len(pieces[-1]) >= HEARD
    else:
        assert length < HEARD


def test_dead_seconds_have_no_part_in_a_row() -> None:
    ear = Ear()
    loud = noise(5.0)
    gap = np.concatenate([loud[: 2 * SECOND], np.zeros(2 * SECOND, np.float32), loud[2 * SECOND :]])
    row, is_dead = trailing_row(ear, gap, 30)
    wanted, _ = trailing_row(ear, loud, 30)
    np.testing.assert_allclose(row, wanted, atol=1e-6)
    assert not is_dead


@pytest.mark.parametrize(("silent", "is_dead"), [(DEAD_SECONDS - 1, False), (DEAD_SECONDS, True), (20, True)])
def test_sound_is_dead_once_it_has_been_silent_for_seconds(silent: int, is_dead: bool) -> None:
    trailing = Trailing(Ear(), 10)
    # A converter's own noise is no sound.
    for second in seconds_of(np.concatenate([noise(5.0), noise(silent, 3, 1e-5)])):
        trailing.push(second)
    assert trailing.is_dead is is_dead
    assert trailing.length == min(10, 5 + silent)


def test_of_nothing_but_dead_sound_there_is_an_empty_row() -> None:
    row, is_dead = trailing_row(Ear(), np.zeros(4 * SECOND, np.float32), 30)
    assert is_dead
    assert not row.any()


def test_a_window_forgets_what_lies_before_it() -> None:
    ear, sound = Ear(), noise(12.0)
    sound[: 6 * SECOND] *= np.linspace(0.0, 5.0, 6 * SECOND, dtype=np.float32)
    trailing = Trailing(ear, 6)
    for second in seconds_of(sound):
        trailing.push(second)
    wanted, _ = trailing_row(ear, last_seconds(sound, 6), 6)
    np.testing.assert_array_equal(trailing.row(), wanted)
    assert trailing.heard == 12
