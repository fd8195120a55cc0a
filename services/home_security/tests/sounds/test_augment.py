from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.training.by_input.audio.augmentation import crop, mask_bands_and_frames, mix, vary
from pipit.training.by_input.audio.settings import Augmentation

RATE = 22_050
NOTHING = Augmentation(probability=0.0)


def _tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def _peak(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


def test_without_any_variation_a_clip_stays_as_it_is() -> None:
    tone = _tone(1.0)
    np.testing.assert_array_equal(vary(tone, RATE, len(tone), NOTHING, np.random.default_rng(1)), tone)


def test_a_pitch_shift_moves_the_tone_by_semitones() -> None:
    settings = Augmentation(
        probability=1.0, pitch_shift=(2.0, 2.0), time_stretch=(1.0, 1.0), noise=0, gain_db=0, shift_seconds=0
    )
    shifted = vary(_tone(2.0), RATE, 2 * RATE, settings, np.random.default_rng(1))
    assert _peak(shifted) == pytest.approx(440 * 2 ** (2 / 12), rel=0.01)


def test_a_stretch_keeps_the_tone_and_the_window() -> None:
    settings = Augmentation(
        probability=1.0, pitch_shift=(0.0, 0.0), time_stretch=(1.1, 1.1), noise=0, gain_db=0, shift_seconds=0
    )
    stretched = vary(_tone(2.0), RATE, 2 * RATE, settings, np.random.default_rng(1))
    assert len(stretched) == 2 * RATE
    assert _peak(stretched[:RATE]) == pytest.approx(440, rel=0.01)
    assert not stretched[int(1.9 * RATE) :].any()


def test_noise_has_the_strength_that_is_asked_for() -> None:
    settings = Augmentation(
        probability=1.0, pitch_shift=(0, 0), time_stretch=(1, 1), noise=0.005, gain_db=0, shift_seconds=0
    )
    silence = np.zeros(5 * RATE, np.float32)
    noisy = vary(silence, RATE, len(silence), settings, np.random.default_rng(1))
    assert noisy.std() == pytest.approx(0.005, rel=0.02)


@given(length=st.integers(1, 300), window=st.integers(1, 200), shift=st.integers(0, 100), seed=st.integers(0, 99))
def test_a_crop_is_a_piece_of_the_clip_with_silence_around(length: int, window: int, shift: int, seed: int) -> None:
    clip = np.arange(1, length + 1, dtype=np.float32)
    taken = crop(clip, window, shift, np.random.default_rng(seed))
    assert taken.shape == (window,)
    heard = taken[taken > 0]
    if len(heard):
        np.testing.assert_array_equal(heard, np.arange(heard[0], heard[0] + len(heard)))


def test_masks_hide_bands_and_frames_and_leave_the_input_alone() -> None:
    rows = np.random.default_rng(1).normal(size=(4, 64, 100, 1)).astype(np.float32)
    before = rows.copy()
    masked = mask_bands_and_frames(rows, Augmentation(masks=2), np.random.default_rng(2))
    np.testing.assert_array_equal(rows, before)
    changed = (masked != rows).mean()
    assert 0.0 < changed < 0.5
    same = mask_bands_and_frames(rows, Augmentation(masks=0), np.random.default_rng(2))
    np.testing.assert_array_equal(same, rows)


@given(seed=st.integers(0, 999))
def test_mixup_keeps_targets_a_distribution_and_the_clip_itself_the_larger_part(seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets = np.eye(5, dtype=np.float32)[generator.integers(0, 5, 8)]
    rows, mixed = mix(targets.copy(), targets, Augmentation(mixup=0.4), generator)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(rows, mixed, rtol=1e-6)
    assert (mixed[targets == 1] >= 0.5).all()


def test_without_mixup_a_batch_stays_as_it_is() -> None:
    rows = np.ones((2, 3), np.float32)
    assert mix(rows, rows, Augmentation(mixup=0.0), np.random.default_rng(1))[0] is rows
