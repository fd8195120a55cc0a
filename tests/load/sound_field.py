"""What a house asks of a network of sounds, of the 8-bit file by its thresholds, on clips of a round it never heard."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from home_security.sounds.pipeline import OUTPUT
from numpy.typing import NDArray
from pipit.inputs import PcmAudio
from pipit.pipelines.audio_windows import INPUT, AudioWindows
from pipit.pipelines.rows import predictions
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.features import read_clip
from pipit.training.by_input.audio.listening import RecordingAlarms, listen_to_background
from pipit.training.by_input.audio.robustness import detected_in
from pipit.training.by_input.audio.sound_changes import RATE, changes, quiet_test_sounds
from pipit.types import Decoded, Prediction
from sound_rounds import CrossValidation, Round

CHANGES_OF_BACKGROUND = ("unchanged", "loudest_0.5s", "loudest_1s", "loudest_2s", "gain_-40dB", "gap")
"""Background is asked about under these; events are under all."""


@dataclass(frozen=True)
class Heard:
    """One recording, or sound that a program made. change: of `sound_changes`, or the kind of a made sound."""

    change: str
    label: str
    source: str
    group: str
    detected: frozenset[str]
    best: str


class Listener:
    """The served pipeline around the network of a round."""

    def __init__(self, validation: CrossValidation, one: Round) -> None:
        self._validation, self._decision = validation, one.decision
        self._pipeline = AudioWindows(validation.front_end)
        self._runtime = load_runtime(one.network, "litert")

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of rows of the network's input."""
        return np.concatenate([self._runtime.run({INPUT: rows[i : i + 16]})[OUTPUT] for i in range(0, len(rows), 16)])

    def answer(self, samples: NDArray[np.float32], rate: int) -> list[Prediction]:
        """One for each window."""
        return self._answered(self._pipeline.decode(PcmAudio(samples[:, np.newaxis], rate)))

    def listen(self, pieces: Iterable[PcmAudio]) -> Iterator[Prediction]:
        """To a stream."""
        stream = self._pipeline.open_stream()
        for piece in pieces:
            yield from self._answered(stream.push(piece))
        yield from self._answered(stream.finish())

    def _answered(self, decoded: Decoded | None) -> list[Prediction]:
        if decoded is None:
            return []
        scores = self._validation.collapse(self._runtime.run(decoded.tensors)[OUTPUT])
        return predictions(scores, self._validation.labels.names, self._decision, decoded)


def ask_changed(validation: CrossValidation, one: Round, listener: Listener) -> Iterator[Heard]:
    """Clips of the round under every change."""
    for place in one.test:
        clip = validation.clips[place]
        if clip.background:
            continue
        label = validation.labels.of(clip.category)
        samples, rate = read_clip(clip.path, clip.start, clip.end)
        for name, change in changes().items():
            if label == validation.labels.background and name not in CHANGES_OF_BACKGROUND:
                continue
            found = listener.answer(change(samples, rate, np.random.default_rng([1, place])), rate)
            source = clip.name.split("/")[0]
            yield Heard(name, label, source, clip.recording, frozenset(detected_in(found)), found[0].scores[0].label)


def ask_quiet(listener: Listener) -> Iterator[Heard]:
    """Sounds without an event; see `sound_changes`."""
    for kind, name, samples in quiet_test_sounds(1):
        found = listener.answer(samples, RATE)
        yield Heard(kind, "none", "made", name, frozenset(detected_in(found)), found[0].scores[0].label)


def ask_cries(data: Path, key: int, rounds: int, listener: Listener) -> Iterator[Heard]:
    """Recordings of Donate-a-Cry, of every `rounds`-th recorder from the `key`-th on."""
    with (data / "baby_cry" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    recorders = sorted({row["recorder_uuid"] for row in rows})
    mine = set(recorders[key::rounds])
    for row in rows:
        if row["recorder_uuid"] in mine and not row["duplicate_of"]:
            samples, rate = read_clip(data / "baby_cry" / row["filename"])
            found = listener.answer(samples, rate)
            yield Heard(
                "cry",
                "crying_baby",
                row["filename"],
                row["recorder_uuid"],
                frozenset(detected_in(found)),
                found[0].scores[0].label,
            )


def background_alarms(validation: CrossValidation, one: Round, listener: Listener) -> tuple[RecordingAlarms, ...]:
    """In the whole recordings of the round in which nothing happens."""
    clips: Sequence[Clip] = [validation.clips[i] for i in one.test if validation.clips[i].background]
    recordings: Mapping[str, Path] = {clip.path.name: clip.path for clip in clips}
    listen: Callable[[Iterable[PcmAudio]], Iterator[Prediction]] = listener.listen
    return listen_to_background(listen, recordings).recordings
