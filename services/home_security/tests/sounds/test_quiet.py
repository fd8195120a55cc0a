from __future__ import annotations

import numpy as np
from pipit.training.by_input.audio.quiet import KINDS, quiet_sounds

RATE, SAMPLES = 16_000, 80_000


def _sounds(count: int) -> list[np.ndarray]:
    return list(quiet_sounds(count, RATE, SAMPLES, np.random.default_rng(1)))


def test_every_kind_comes_in_its_turn_at_the_levels_of_recordings() -> None:
    sounds = _sounds(20 * len(KINDS))
    assert all(sound.shape == (SAMPLES,) and sound.dtype == np.float32 for sound in sounds)
    whole = [sound for sound in sounds[1 :: len(KINDS)] if sound[-1]]
    levels = [20 * np.log10(sound.std()) for sound in whole]
    assert min(levels) < -50
    assert max(levels) < -19.9
    silence = sounds[:: len(KINDS)]
    assert max(np.abs(sound).max() for sound in silence) <= 1 / 32768
    assert any(not sound.any() for sound in silence)


def test_some_end_early_as_short_files_do() -> None:
    ends = [int(np.flatnonzero(sound)[-1]) + 1 for sound in _sounds(120) if sound.any()]
    early = [end for end in ends if end <= 2.0 * RATE]
    assert 20 < len(early) < 60


def test_a_seed_gives_the_same_sounds() -> None:
    for one, other in zip(_sounds(12), _sounds(12), strict=True):
        np.testing.assert_array_equal(one, other)
