from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.inputs.audio import resample


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(44_100, 22_050), (48_000, 22_050), (8_000, 16_000), (22_050, 16_000)]
)
def test_equals_librosa(rate_in, rate_out):
    noise = np.random.default_rng(3).normal(0, 0.2, rate_in + 17).astype(np.float32)
    expected = librosa.resample(noise, orig_sr=rate_in, target_sr=rate_out, res_type="soxr_hq")
    resampled = resample(noise, rate_in, rate_out)
    assert resampled.dtype == np.float32
    np.testing.assert_array_equal(resampled, expected)


def test_keeps_a_tone_and_drops_what_the_new_rate_cannot_hold():
    time = np.arange(48_000) / 48_000
    low, high = np.sin(2 * np.pi * 1_000 * time), np.sin(2 * np.pi * 15_000 * time)
    resampled = resample((low + high).astype(np.float32), 48_000, 16_000)
    expected = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000)
    inner = slice(500, -500)
    assert np.abs(resampled[inner] - expected[inner]).max() < 1e-4


def test_equal_rates_change_nothing():
    samples = np.ones(5, np.float32)
    assert resample(samples, 16_000, 16_000) is samples


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 3_000),
    rate_in=st.integers(4_000, 192_000),
    rate_out=st.sampled_from([8_000, 16_000, 22_050]),
)
def test_no_clip_becomes_empty_and_lengths_are_rounded_up(length, rate_in, rate_out):
    resampled = resample(np.ones(length, np.float32), rate_in, rate_out)
    assert len(resampled) == (length if rate_in == rate_out else -(-length * rate_out // rate_in))
    assert np.isfinite(resampled).all()
