"""Long recordings, heard as a device hears a room: piece by piece, window by window, and how often an alarm goes off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from pipit.inputs import PcmAudio
from pipit.pipelines.audio_windows import AudioWindows
from pipit.training.alarms import FalseAlarms, false_alarms_per_hour
from pipit.types import Decoded, Prediction, TimeSpan

PIECE_SECONDS = 10
Answer = Callable[[Decoded], Sequence[Prediction]]
"""From windows to an answer for each, by the bundle's decision."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording. spans, detected: of each window; what was detected, by name."""

    seconds: float
    spans: tuple[TimeSpan, ...]
    detected: tuple[tuple[str, ...], ...]


def listen(path: Path, pipeline: AudioWindows, answer: Answer) -> Heard:
    """Raises InvalidInput for what is no audio."""
    stream, predictions = pipeline.open_stream(), []
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(PIECE_SECONDS * file.samplerate, dtype="float32", always_2d=True):
            decoded = stream.push(PcmAudio(block, file.samplerate))
            predictions += [] if decoded is None else answer(decoded)
    rest = stream.finish()
    predictions += [] if rest is None else answer(rest)
    detected = [tuple(score.label for score in found.scores if score.detected) for found in predictions]
    spans = [found.region for found in predictions if isinstance(found.region, TimeSpan)]
    return Heard(stream.seconds, tuple(spans), tuple(detected))


def false_alarms(recordings: Mapping[str, Heard]) -> FalseAlarms:
    """In recordings without an event, by name: detections in windows that overlap or touch are one alarm.

    Raises InvalidInput for no recordings.
    """
    windows = [
        (name, span.start, span.end, bool(detected))
        for name, heard in recordings.items()
        for span, detected in zip(heard.spans, heard.detected, strict=True)
    ]
    names, starts, ends, alarms = zip(*windows, strict=True) if windows else ((), (), (), ())
    return false_alarms_per_hour(
        np.array(alarms, bool),
        names,
        np.array(starts, np.float64),
        np.array(ends, np.float64),
        {name: heard.seconds for name, heard in recordings.items()},
    )
