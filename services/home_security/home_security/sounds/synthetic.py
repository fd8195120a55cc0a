"""Synthetic sounds in ESC-50's layout, for machines without recordings: to try the way, not to judge a network by.

No class of it is a recording, and no number measured on it says anything about real houses. Each clip is made from a
"recording" of its own (a draw of pitch, rhythm and colour); two takes of it differ in place and noise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pipit.files import write_atomically
from pipit.inputs import EncodedAudio, Input, PcmAudio

RATE = 22_050
SECONDS = 5.0
FOLDS = 5
Sound = NDArray[np.float64]
Voice = Callable[[Sound, np.random.Generator], Sound]


def write_synthetic_set(folder: Path, clips_per_class: int = 20, seed: int = 1) -> Path:
    """Writes `audio/`, `meta/esc50.csv` and a `SYNTHETIC.txt` to `folder`. The same seed gives the same bytes."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    (folder / "meta").mkdir(exist_ok=True)
    rows = []
    for target, category in enumerate(sorted(VOICES)):
        for number in range(clips_per_class):
            recording, take = divmod(number, 2)
            fold = recording % FOLDS + 1
            name = f"{fold}-{target * 1000 + recording}-{'AB'[take]}-{target}.wav"
            samples = synthesise(category, recording, take, seed)
            buffer = io.BytesIO()
            soundfile.write(buffer, samples, RATE, format="WAV", subtype="PCM_16")
            write_atomically(folder / "audio" / name, buffer.getvalue())
            rows.append((name, fold, target, category, "False", target * 1000 + recording, "AB"[take]))
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(("filename", "fold", "target", "category", "esc10", "src_file", "take"))
    writer.writerows(rows)
    write_atomically(folder / "meta" / "esc50.csv", table.getvalue().encode())
    write_atomically(folder / "SYNTHETIC.txt", b"Made by a program; not one of these clips is a recording.\n")
    return folder


def golden_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` clips of 5 s, in turn FLAC, 16-bit WAV and float PCM, so that no bundle carries somebody's recording.

    They prove the device's arithmetic, all of it: file format, resampling, log-mel, network. What they are labelled as
    matters as little as what they sound like. The same seed gives the same bytes.
    """
    inputs: list[Input] = []
    categories = sorted(VOICES)
    for number in range(count):
        samples = synthesise(categories[number % len(categories)], recording=1_000 + number, take=0, seed=seed)
        if number % 3 == 2:
            inputs.append(PcmAudio(samples[:, None].astype("float32"), RATE))
            continue
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, RATE, format="FLAC" if number % 3 == 0 else "WAV", subtype="PCM_16")
        inputs.append(EncodedAudio(buffer.getvalue()))
    return inputs


def synthesise(category: str, recording: int, take: int, seed: int) -> Sound:
    """One clip of 5 s at 22,050 Hz, full scale at -1 and 1. Takes of one recording differ in place and noise."""
    time = np.arange(int(RATE * SECONDS)) / RATE
    target = sorted(VOICES).index(category)
    sound = VOICES[category](time, np.random.default_rng([seed, target, recording]))
    generator = np.random.default_rng([seed, target, recording, take])
    sound = np.roll(sound, int(generator.uniform(-0.3, 0.3) * RATE))
    sound = 0.5 * sound / max(1e-9, float(np.abs(sound).max())) * 10 ** (generator.uniform(-6, 0) / 20)
    return np.asarray(np.clip(sound + generator.normal(0.0, 0.003, len(time)), -1.0, 1.0))


def _siren(time: Sound, draw: np.random.Generator) -> Sound:
    """A tone that sweeps up and down, with harmonics."""
    middle, depth, rate = draw.uniform(700, 1100), draw.uniform(200, 400), draw.uniform(0.25, 1.5)
    phase = 2 * np.pi * np.cumsum(middle + depth * np.sin(2 * np.pi * rate * time)) / RATE
    return np.asarray(sum(np.sin(k * phase) / k for k in (1, 2, 3)))


def _glass(time: Sound, draw: np.random.Generator) -> Sound:
    """A crack of noise, then shards: high modes that die away, at falling rate."""
    sound = np.zeros_like(time)
    onset = draw.uniform(0.3, 1.5)
    _add(sound, onset, draw.normal(0, 1, RATE // 4) * np.exp(-np.arange(RATE // 4) / (0.03 * RATE)))
    for delay in draw.exponential(0.25, 30):
        tail = np.arange(int(0.3 * RATE)) / RATE
        frequency, decay = draw.uniform(2500, 9000), draw.uniform(0.02, 0.08)
        _add(sound, onset + delay, 0.4 * np.sin(2 * np.pi * frequency * tail) * np.exp(-tail / decay))
    return sound


def _bark(time: Sound, draw: np.random.Generator) -> Sound:
    """Short harmonic bursts whose pitch falls."""
    sound = np.zeros_like(time)
    pitch = draw.uniform(250, 600)
    for onset in np.cumsum(draw.uniform(0.35, 0.9, 4)):
        tail = np.arange(int(0.18 * RATE)) / RATE
        phase = 2 * np.pi * np.cumsum(pitch * (1.3 - 2.0 * tail)) / RATE
        burst = sum(np.sin(k * phase) / k**0.7 for k in range(1, 9)) + draw.normal(0, 0.7, len(tail))
        _add(sound, onset, burst * np.sin(np.pi * tail / 0.18) ** 0.5)
    return sound


def _cry(time: Sound, draw: np.random.Generator) -> Sound:
    """Wails of about a second: a high voice that rises, trembles and falls."""
    sound = np.zeros_like(time)
    pitch, length = draw.uniform(380, 520), draw.uniform(0.7, 1.1)
    for onset in np.arange(draw.uniform(0, 0.4), SECONDS - 0.5, length + draw.uniform(0.2, 0.5)):
        tail = np.arange(int(length * RATE)) / RATE
        contour = pitch * (1 + 0.25 * np.sin(np.pi * tail / length) + 0.02 * np.sin(2 * np.pi * 7 * tail))
        phase = 2 * np.pi * np.cumsum(contour) / RATE
        _add(sound, onset, sum(np.sin(k * phase) / k for k in range(1, 8)) * np.sin(np.pi * tail / length))
    return sound


def _noise(time: Sound, draw: np.random.Generator, slope: float) -> Sound:
    spectrum = np.fft.rfft(draw.normal(0, 1, len(time)))
    frequencies = np.maximum(np.fft.rfftfreq(len(time), 1 / RATE), 20.0)
    return np.asarray(np.fft.irfft(spectrum * frequencies**-slope, len(time)))


def _rain(time: Sound, draw: np.random.Generator) -> Sound:
    """Bright, steady noise and drops."""
    sound = _noise(time, draw, draw.uniform(0.0, 0.3))
    sound /= sound.std()
    for onset in draw.uniform(0, SECONDS - 0.1, 60):
        _add(sound, onset, 4 * draw.normal(0, 1, 200) * np.exp(-np.arange(200) / 40))
    return sound


def _wind(time: Sound, draw: np.random.Generator) -> Sound:
    """Dark noise that swells."""
    swell = 1 + 0.6 * np.sin(2 * np.pi * draw.uniform(0.1, 0.5) * time + draw.uniform(0, 6))
    return _noise(time, draw, draw.uniform(0.8, 1.2)) * swell


def _clock(time: Sound, draw: np.random.Generator) -> Sound:
    """Clicks in a steady beat."""
    sound = np.zeros_like(time)
    colour = draw.uniform(1500, 3500)
    tail = np.arange(int(0.03 * RATE)) / RATE
    for onset in np.arange(draw.uniform(0, 0.5), SECONDS - 0.1, draw.uniform(0.4, 1.0)):
        _add(sound, onset, np.sin(2 * np.pi * colour * tail) * np.exp(-tail / 0.004))
    return sound


def _engine(time: Sound, draw: np.random.Generator) -> Sound:
    """A low hum with many harmonics."""
    pitch = draw.uniform(45, 110)
    phases = draw.uniform(0, 6, 20)
    hum = sum(np.sin(2 * np.pi * pitch * k * time + phases[k - 1]) / k for k in range(1, 20))
    return np.asarray(hum * (1 + 0.3 * np.sin(2 * np.pi * draw.uniform(8, 20) * time)))


def _add(sound: Sound, onset: float, burst: Sound) -> None:
    start = int(onset * RATE)
    part = burst[: max(0, len(sound) - start)]
    sound[start : start + len(part)] += part


VOICES: dict[str, Voice] = {
    "glass_breaking": _glass,
    "siren": _siren,
    "dog": _bark,
    "crying_baby": _cry,
    "rain": _rain,
    "wind": _wind,
    "clock_tick": _clock,
    "engine": _engine,
}
"""A voice for each category: time axis and draw of one recording to sound."""
