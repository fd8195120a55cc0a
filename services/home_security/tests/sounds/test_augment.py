from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.training.by_input.audio.augmentation import crop, mask_bands_and_frames, place, vary
from pipit.training.by_input.audio.settings import Augmentation

RATE = 22_050
NOTHING = Augmentation(probability=0.0)


def _only(**changes: object) -> Augmentation:
    """Every variation happens, and changes nothing but what is given."""
    still = {
        "probability": 1.0,
        "time_stretch": (1.0, 1.0),
        "pitch_shift": (0.0, 0.0),
        "shift_seconds": 0.0,
        "shorten_seconds": (60.0, 60.0),
        "hiss_db": (1000.0, 1000.0),
        "noise": 0.0,
        "gain_db": (0.0, 0.0),
    }
    return Augmentation.model_validate({**still, **changes})


def _tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def _peak(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


def test_without_any_variation_a_clip_stays_as_it_is() -> None:
    tone = _tone(1.0)
    np.testing.assert_array_equal(vary(tone, RATE, len(tone), NOTHING, np.random.default_rng(1)), tone)


def test_a_pitch_shift_moves_the_tone_by_semitones() -> None:
    settings = _only(pitch_shift=(2.0, 2.0))
    shifted = vary(_tone(2.0), RATE, 2 * RATE, settings, np.random.default_rng(1))
    assert _peak(shifted) == pytest.approx(440 * 2 ** (2 / 12), rel=0.01)


def test_a_stretch_keeps_the_tone_and_the_window() -> None:
    settings = _only(time_stretch=(1.1, 1.1))
    stretched = vary(_tone(2.0), RATE, 2 * RATE, settings, np.random.default_rng(1))
    assert len(stretched) == 2 * RATE
    assert _peak(stretched[RATE // 2 : RATE]) == pytest.approx(440, rel=0.01)
    assert np.count_nonzero(stretched) == pytest.approx(2 * RATE / 1.1, rel=0.01)


def test_noise_has_the_strength_that_is_asked_for() -> None:
    settings = _only(noise=0.005)
    silence = np.zeros(5 * RATE, np.float32)
    noisy = vary(silence, RATE, len(silence), settings, np.random.default_rng(1))
    assert noisy.std() == pytest.approx(0.005, rel=0.02)


@given(seed=st.integers(0, 99))
def test_a_clip_is_shortened_to_its_loudest_part_and_put_anywhere(seed: int) -> None:
    clip = np.concatenate([0.01 * _tone(3.0), _tone(0.5), 0.01 * _tone(1.5)])
    shortened = vary(clip, RATE, len(clip), _only(shorten_seconds=(0.4, 0.4)), np.random.default_rng(seed))
    sounding = np.flatnonzero(shortened)
    assert len(shortened) == len(clip)
    assert sounding[-1] - sounding[0] <= 0.4 * RATE
    assert np.abs(shortened).max() == pytest.approx(0.3, rel=0.01)


def test_shortened_clips_stand_all_over_the_window() -> None:
    starts = [
        np.flatnonzero(vary(_tone(5.0), RATE, 5 * RATE, _only(shorten_seconds=(1.0, 1.0)), np.random.default_rng(i)))[0]
        for i in range(40)
    ]
    assert min(starts) < 0.5 * RATE
    assert max(starts) > 3.5 * RATE


@pytest.mark.parametrize("decibel", [0.0, 20.0])
def test_a_background_lies_as_far_below_the_loudest_second_as_is_asked(decibel: float) -> None:
    clip = np.concatenate([_tone(1.0), np.zeros(4 * RATE, np.float32)])
    hiss = np.random.default_rng(3).normal(0, 0.01, 7 * RATE).astype(np.float32)
    settings = _only(background_db=(decibel, decibel))
    mixed = vary(clip, RATE, len(clip), settings, np.random.default_rng(1), [hiss])
    power = np.sqrt(np.mean(np.square([clip[:RATE], (mixed - clip)[:RATE], (mixed - clip)[-RATE:]]), axis=1))
    assert 20 * np.log10(power[0] / power[1:]) == pytest.approx([decibel, decibel], abs=0.3)


def test_hiss_lies_as_far_below_the_loudest_second_as_is_asked() -> None:
    clip = np.concatenate([_tone(1.0), np.zeros(4 * RATE, np.float32)])
    hissing = vary(clip, RATE, len(clip), _only(hiss_db=(10.0, 10.0)), np.random.default_rng(1))
    assert 20 * np.log10(clip[:RATE].std() / (hissing - clip).std()) == pytest.approx(10.0, abs=0.2)


def test_a_silent_background_adds_nothing() -> None:
    tone = _tone(1.0)
    silent = [np.zeros(RATE, np.float32)]
    np.testing.assert_array_equal(vary(tone, RATE, len(tone), _only(), np.random.default_rng(1), silent), tone)


@given(length=st.integers(1, 300), window=st.integers(1, 200), seed=st.integers(0, 99))
def test_what_is_placed_is_whole_and_silence_around(length: int, window: int, seed: int) -> None:
    clip = np.arange(1, length + 1, dtype=np.float32)
    placed = place(clip, window, np.random.default_rng(seed))
    assert len(placed) == max(length, window)
    np.testing.assert_array_equal(placed[placed > 0], clip)


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
