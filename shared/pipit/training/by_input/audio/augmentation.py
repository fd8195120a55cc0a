"""Variations of training clips: of the sound itself, made once and kept, and of spectrograms, made anew each epoch.

    as it is ─ stretch ─ pitch ─ shorten ─ place in the window ─ other recordings behind it ─ noise ─ level

Stretch, pitch and noise are the guide's; SpecAugment and mixup are what the literature on small sets adds. The rest is
what a house does to a sound: it is short, begins anywhere, is far away, and seldom alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import numpy as np
from numpy.typing import NDArray

from pipit.training.by_input.audio.settings import Augmentation
from pipit.training.by_input.audio.sound_changes import loudest

Sound = NDArray[np.float32]


def vary(
    samples: Sound,
    rate: int,
    window: int,
    settings: Augmentation,
    generator: np.random.Generator,
    backgrounds: Sequence[Sound] = (),
) -> Sound:
    """One varied window of `window` samples. samples, backgrounds: mono, any length; rate: Hz."""

    def chosen() -> bool:
        return bool(generator.random() < settings.probability)

    if settings.time_stretch != (1.0, 1.0) and chosen():
        samples = librosa.effects.time_stretch(samples, rate=generator.uniform(*settings.time_stretch))
    if settings.pitch_shift != (0.0, 0.0) and chosen():
        samples = librosa.effects.pitch_shift(samples, sr=rate, n_steps=generator.uniform(*settings.pitch_shift))
    if chosen():
        samples = place(loudest(samples, int(generator.uniform(*settings.shorten_seconds) * rate)), window, generator)
    shift = settings.shift_seconds * rate if chosen() else 0.0
    samples = crop(samples, window, shift, generator)
    if backgrounds and chosen():
        behind = crop(backgrounds[int(generator.integers(len(backgrounds)))], window, 0.0, generator)
        samples = samples + behind * _share(samples, behind, rate, generator.uniform(*settings.background_db))
    if chosen():
        hiss = generator.normal(0.0, 1.0, len(samples)).astype(np.float32)
        samples = samples + hiss * _share(samples, hiss, rate, generator.uniform(*settings.hiss_db))
    if chosen():
        samples = samples + generator.normal(0.0, settings.noise, len(samples)).astype(np.float32)
    if chosen():
        samples = samples * np.float32(10.0 ** (generator.uniform(*settings.gain_db) / 20.0))
    return np.clip(samples, -1.0, 1.0).astype(np.float32)


def place(samples: Sound, window: int, generator: np.random.Generator) -> Sound:
    """Somewhere in a window of silence, unless the sound is longer than that."""
    room = max(0, window - len(samples))
    before = int(generator.integers(room + 1))
    return np.pad(samples, (before, room - before))


def _share(samples: Sound, behind: Sound, rate: int, decibel: float) -> np.float32:
    """What `behind` is multiplied by, so that the loudest second of `samples` stands over it by `decibel`."""
    own, other = (float(np.sqrt(np.mean(np.square(part)))) for part in (loudest(samples, rate), behind))
    return np.float32(own / other * 10.0 ** (-decibel / 20.0)) if other else np.float32(0.0)


def crop(samples: Sound, window: int, shift: float, generator: np.random.Generator) -> Sound:
    """A window that begins anywhere in the clip, or up to `shift` samples outside it; silence where there is none."""
    room = max(0, len(samples) - window)
    start = int(generator.integers(-int(shift), room + int(shift) + 1))
    if start < 0:
        samples = np.pad(samples, (-start, 0))
        start = 0
    taken = samples[start : start + window]
    return np.pad(taken, (0, window - len(taken)))


def mask_bands_and_frames(rows: Sound, settings: Augmentation, generator: np.random.Generator) -> Sound:
    """SpecAugment: bands and runs of frames of each row get the row's mean. rows: (n, bands, frames, 1); copied."""
    masked = rows.copy()
    for row in masked:
        mean = row.mean()
        for _ in range(settings.masks):
            for axis, share in ((0, settings.frequency_mask), (1, settings.time_mask)):
                width = int(generator.integers(0, int(share * row.shape[axis]) + 1))
                start = int(generator.integers(0, row.shape[axis] - width + 1))
                np.moveaxis(row, axis, 0)[start : start + width] = mean
    return masked
