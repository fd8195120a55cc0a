"""SYNTHETIC sound: recordings of channels that a program makes, and golden inputs. None of it was broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from pipit.data.check import Advance
from pipit.data.spans import Span, Spans
from pipit.data.spans.table import table_text
from pipit.data.synthetic import MARK
from pipit.files import write_atomically
from pipit.inputs import Input, PcmAudio

from ad_detection.audio.hearing import RATE, Samples
from ad_detection.channels.recordings import LABELS, WORDS, Size, recordings_of
from ad_detection.channels.sound import sound_of

SIZE = Size(channels=(1, 2, 3, 7), programmes=2, seconds=700.0)


def write_synthetic_set(folder: Path, advance: Advance) -> None:
    """`pipit data synthesise ad_detection.audio`: recordings of three channels that train and of one that tests."""
    write_sounds(folder, SIZE, advance)


def write_sounds(folder: Path, size: Size, advance: Advance = lambda done, total: None) -> Path:
    """What the films of `ad_detection.channels` sound like, without their pictures: `<channel>/<programme>-<n>.flac`.

    Beside them labels.csv and SYNTHETIC.txt. The same size gives the same recordings. advance: counts recordings.
    """
    recordings = tuple(recordings_of(size))
    for number, recording in enumerate(recordings, 1):
        path = folder / f"{recording.name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound_of(recording.channel, recording.parts), RATE, subtype="PCM_16")
        advance(number, len(recordings))
    spans = Spans(Span(one.name, part.start, part.end, part.label) for one in recordings for part in one.parts)
    write_atomically(folder / LABELS, table_text(spans).encode())
    write_atomically(folder / MARK, WORDS)
    return folder


def golden_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` sounds of 3 to 6 s: noise that swells as speech does or runs on as music does, and one that is dead."""
    draws = (np.random.default_rng([seed, 5, number]) for number in range(count))
    return [PcmAudio(_sound(draw, number)[:, np.newaxis], RATE) for number, draw in enumerate(draws)]


def _sound(draw: np.random.Generator, number: int) -> Samples:
    seconds = 3 + number % 4
    if number == 1:
        return np.zeros(seconds * RATE, np.float32)
    times = np.arange(seconds * RATE) / RATE
    depth, rate = draw.uniform(0.1, 0.95), draw.uniform(1.0, 6.0)
    swell = 1.0 - depth * (0.5 + 0.5 * np.sin(2.0 * np.pi * rate * times))
    smooth = np.convolve(draw.normal(0.0, 1.0, len(times)), np.ones(8) / 8.0, mode="same")
    return np.clip(draw.uniform(0.02, 0.3) * swell * smooth, -1.0, 1.0).astype(np.float32)
