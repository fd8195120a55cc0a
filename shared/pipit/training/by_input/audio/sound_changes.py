"""Sounds that hold no event, and what happens to recordings on their way through a house and a microphone.

All of it is made from seeds, at the scale of recordings: full scale is 1, 0 dBFS its root mean square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""Mono, shape (frames,)."""
Change = Callable[[Sound, int, np.random.Generator], Sound]
"""From a recording, its rate in Hz and a generator to the changed one."""

RATE = 44_100
"""Hz, of what is made here: what phones and most microphones give."""
QUIET_SECONDS = (0.5, 1.0, 2.0, 5.0)
HISS_DB = (-60, -50, -40, -30, -20)
HUM_DB = (-40, -20)
GAINS_DB = (-40, -30, -20, -10, 6)
LOUDEST_SECONDS = (0.5, 1.0, 2.0)
SIGNAL_TO_NOISE_DB = (20, 10)
OFFSET_SECONDS = (1.0, 2.5)
GAP_SECONDS = 0.3


def quiet_test_sounds(seed: int) -> Iterator[tuple[str, str, Sound]]:
    """What no alarm may answer: a kind, a name, and mono sound at RATE.

    silence: zeros. white, pink: hiss of -60 to -20 dBFS. hum: mains of 50 and 60 Hz with its harmonics. click: a few
    samples long, as a switch or a bad contact makes. cut: a recording that breaks off in its middle, and one whose
    level jumps there.
    """
    for seconds in QUIET_SECONDS:
        frames = round(seconds * RATE)
        generator = np.random.default_rng([seed, frames])
        yield "silence", f"silence, {seconds:g} s", np.zeros(frames, np.float32)
        for level in HISS_DB:
            yield "white", f"white hiss at {level} dBFS, {seconds:g} s", white(frames, level, generator)
            yield "pink", f"pink hiss at {level} dBFS, {seconds:g} s", pink(frames, level, generator)
        for mains in (50.0, 60.0):
            for level in HUM_DB:
                yield "hum", f"hum of {mains:g} Hz at {level} dBFS, {seconds:g} s", hum(frames, mains, level)
        floor = white(frames, -60, generator)
        for height in (0.1, 0.5):
            yield "click", f"clicks of {height:g}, {seconds:g} s", _clicked(floor, height, generator)
        broken, stepped = white(frames, -35, generator), floor.copy()
        broken[frames // 2 :] = 0.0
        stepped[frames // 2 :] += 0.1
        yield "cut", f"hiss that breaks off, {seconds:g} s", broken
        yield "cut", f"a step in the middle, {seconds:g} s", stepped


def changes() -> Mapping[str, Change]:
    """What may happen to a recording, by names that stay; `unchanged` comes first."""
    found: dict[str, Change] = {"unchanged": lambda sound, _rate, _generator: sound}
    for seconds in LOUDEST_SECONDS:
        found[f"loudest_{seconds:g}s"] = _loudest(seconds)
    for level in GAINS_DB:
        found[f"gain_{level:+d}dB"] = _gain(level)
    found["gap"] = _gap
    for seconds in OFFSET_SECONDS:
        found[f"offset_{seconds:g}s"] = _offset(seconds)
    for level in SIGNAL_TO_NOISE_DB:
        found[f"hiss_{level}dB"] = _hiss(level)
    return found


def white(frames: int, level: float, generator: np.random.Generator) -> Sound:
    """level: dBFS."""
    return _at_level(generator.normal(size=frames), level)


def pink(frames: int, level: float, generator: np.random.Generator) -> Sound:
    """Hiss whose power falls by 3 dB an octave above 20 Hz. level: dBFS."""
    spectrum = np.fft.rfft(generator.normal(size=frames))
    frequencies = np.fft.rfftfreq(frames, 1.0 / RATE)
    return _at_level(np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 20.0)), frames), level)


def hum(frames: int, mains: float, level: float) -> Sound:
    """The mains and nine harmonics, each weaker than the one before. mains: Hz. level: dBFS."""
    times = np.arange(frames) / RATE
    return _at_level(np.sum([np.sin(2 * np.pi * mains * n * times + n) / n for n in range(1, 11)], axis=0), level)


def loudest(sound: Sound, length: int) -> Sound:
    """The stretch of `length` samples with the most energy; all of a sound that is no longer."""
    if len(sound) <= length:
        return sound
    energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    start = int((energy[length:] - energy[:-length]).argmax())
    return sound[start : start + length]


def _loudest(seconds: float) -> Change:
    return lambda sound, rate, _generator: loudest(sound, round(seconds * rate))


def _gain(level: float) -> Change:
    """As a microphone with 16 bits hears it: what is over full scale is clipped, what is faint is rounded."""

    def change(sound: Sound, _rate: int, _generator: np.random.Generator) -> Sound:
        heard = np.clip(sound * 10.0 ** (level / 20.0), -1.0, 1.0)
        return np.asarray(np.round(heard * 32767.0) / 32767.0, np.float32)

    return change


def _gap(sound: Sound, rate: int, _generator: np.random.Generator) -> Sound:
    """Nothing arrives for a moment, in the middle of the recording."""
    middle, half = len(sound) // 2, round(GAP_SECONDS * rate / 2)
    changed = sound.copy()
    changed[max(0, middle - half) : middle + half] = 0.0
    return changed


def _offset(seconds: float) -> Change:
    """The recording begins elsewhere: its end comes first, so that nothing of it is lost."""
    return lambda sound, rate, _generator: np.roll(sound, round(seconds * rate))


def _hiss(level: float) -> Change:
    """level: of the recording's loudest half second over the hiss, in decibels."""

    def change(sound: Sound, rate: int, generator: np.random.Generator) -> Sound:
        loud = float(np.sqrt(np.mean(loudest(sound, round(0.5 * rate)).astype(np.float64) ** 2)))
        added = generator.normal(size=len(sound)) * loud * 10.0 ** (-level / 20.0)
        return np.asarray(np.clip(sound + added, -1.0, 1.0), np.float32)

    return change


def _clicked(floor: Sound, height: float, generator: np.random.Generator) -> Sound:
    """Three clicks of a millisecond, that ring off at once."""
    clicked = floor.copy()
    length = RATE // 1000
    shape = height * np.exp(-np.arange(length) / (length / 5)) * np.where(np.arange(length) % 2, -1.0, 1.0)
    for start in generator.integers(0, len(floor) - length, 3):
        clicked[start : start + length] += shape.astype(np.float32)
    return clicked


def _at_level(values: NDArray[np.float64], level: float) -> Sound:
    scaled = values * (10.0 ** (level / 20.0) / np.sqrt(np.mean(values**2)))
    return np.asarray(np.clip(scaled, -1.0, 1.0), np.float32)
