from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.inputs.audio import PATCH_FRAMES, YAMNET, level_patches, patch_starts
from pipit.pipelines.audio_windows import AudioWindows, FrontEnd

BANDS, FRAMES = 4, 498
FLOOR = 0.001


def window(*stretches, elsewhere=0.0):
    """One window: of each stretch (first frame, frame after the last, magnitude)."""
    levels = np.full(FRAMES, elsewhere, np.float32)
    for start, end, magnitude in stretches:
        levels[start:end] = magnitude
    return np.tile(levels, (1, BANDS, 1))


def patches_of(heard):
    return [heard[0, :, at : at + PATCH_FRAMES] for at in range(0, heard.shape[-1], PATCH_FRAMES)]


def test_patches_hear_the_whole_window_with_as_few_as_possible():
    assert patch_starts(FRAMES) == [0, 80, 161, 241, 322, 402]
    for frames in range(PATCH_FRAMES, 700):
        starts = patch_starts(frames)
        assert starts[0] == 0
        assert starts[-1] + PATCH_FRAMES == frames
        assert all(after - before <= PATCH_FRAMES for before, after in pairwise(starts))
        assert len(starts) == -(-frames // PATCH_FRAMES)
    with pytest.raises(InvalidInput, match=r"at least 0\.98 s"):
        patch_starts(PATCH_FRAMES - 1)


def test_the_loudest_patch_has_the_level_and_the_others_their_share_of_it():
    heard = patches_of(level_patches(window((0, 80, 8.0), elsewhere=2.0), FLOOR))
    loudest = (80 * 8.0 + 16 * 2.0) / 96
    np.testing.assert_allclose(np.exp(heard[0]).mean(), 1.0 + FLOOR, rtol=1e-5)
    np.testing.assert_allclose(np.exp(heard[-1]), 2.0 / loudest + FLOOR, rtol=1e-5)


def test_patches_that_hold_next_to_nothing_are_replaced_by_those_that_sound():
    heard = patches_of(level_patches(window((170, 250, 5.0), (250, 330, 4.0)), FLOOR))
    # The third and the fourth sound; the second and the fifth hold six and eight frames of it, which is no tenth.
    third, fourth = heard[2], heard[3]
    assert not np.array_equal(third, fourth)
    for place, expected in enumerate([third, fourth, third, fourth, third, fourth]):
        np.testing.assert_array_equal(heard[place], expected)


def test_a_window_without_sound_is_at_the_floor():
    heard = level_patches(np.zeros((1, BANDS, FRAMES), np.float32), FLOOR)
    np.testing.assert_array_equal(heard, np.full((1, BANDS, 6 * PATCH_FRAMES), np.log(np.float32(FLOOR))))


@settings(max_examples=40, deadline=None)
@given(decibel=st.floats(-40.0, 20.0), seed=st.integers(0, 99))
def test_a_sound_is_the_same_at_every_level_within_forty_decibel(decibel, seed):
    full = np.random.default_rng(seed).uniform(0.5, 2.0, (1, BANDS, FRAMES)).astype(np.float32)
    at_full = level_patches(full, FLOOR)
    np.testing.assert_allclose(level_patches(full * np.float32(10 ** (decibel / 20)), FLOOR), at_full, atol=1e-4)


def test_the_gain_ends_at_forty_decibel():
    quiet = level_patches(np.full((1, BANDS, FRAMES), 1e-4, np.float32), FLOOR)
    np.testing.assert_allclose(quiet, np.log(0.01 + FLOOR), rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seconds=st.floats(0.1, 1.0), start=st.floats(0.0, 4.0))
def test_a_short_sound_is_heard_alike_wherever_silence_surrounds_it(seconds, start):
    """No patch that is given holds less than a tenth of the loudest."""
    windows = AudioWindows(FrontEnd("yamnet", 5.0, 2.5))
    samples = np.zeros((1, 80_000), np.float32)
    length, begin = int(seconds * 16_000), int(start * 16_000)
    samples[0, begin : begin + length] = np.random.default_rng(1).normal(0, 0.1, length)
    heard = windows.log_mel(samples)
    assert heard.shape == (1, *windows.front_end.shape) == (1, 64, 6 * PATCH_FRAMES, 1)
    levels = [float((np.exp(patch) - YAMNET.floor).mean()) for patch in patches_of(heard[..., 0])]
    assert max(levels) == pytest.approx(1.0, rel=1e-3)
    assert min(levels) >= 0.1 - 1e-4
