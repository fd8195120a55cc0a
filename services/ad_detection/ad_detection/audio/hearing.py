"""Sound to what is known of each of its seconds, and a trailing window of seconds to the network's input.

    sound, 16 kHz -> seconds -> levels of 25 ms each ─────────────> how the level moves: 16 numbers ─┐
                          └───> log-mel -> YAMNet (optional) -> embedding, its mean: 1,024 numbers ──┴─> row

How the level moves is measured against the window's own level, so that a channel that is loud as such tells nothing by
it. A second is heard once: a stream keeps what is known of it while it lies in the window. Seconds without any sound
have no part in a row, and a window that ends with three of them is dead: nothing is said of it.

The same code in the trainer and on the device; nothing of a trainer may be imported here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.inputs.audio import PATCH_FRAMES, YAMNET, LogMel
from pipit.runtimes import Runtime

RATE = YAMNET.sample_rate
SECOND = RATE
HEARD = YAMNET.window_length + (PATCH_FRAMES - 1) * YAMNET.hop_length
"""Samples that YAMNet hears of a second, 0.975 s; a rest that has as many counts as one."""
FRAME = 400
"""Samples of one level: 25 ms."""
DEAD_LEVEL = 10.0 ** (-70.0 / 20.0)
"""-70 dBFS: a second is dead if none of its frames is louder. Converters and codecs leave less than that of silence."""
DEAD_SECONDS = 3
"""A window that ends with so many dead seconds is dead."""
LOWEST_DB = -60.0
"""Of a frame against its window: what is softer is as good as silent, whatever the converter makes of silence."""
SOFT_DB = -20.0
PERCENTILES = (5, 10, 25, 50, 75, 90, 95)
RHYTHMS = ((0.2, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 20.0))
"""Hz, of what the level does: sentences, beats, syllables."""
USUAL = (-28.0, -24.0, -16.0, -6.7, 0.3, 4.6, 6.5, 11.0, 4.2, 4.2, 0.17, 0.30, 0.18, 0.20, 0.18, 0.06)
SPREAD = (8.0, 8.0, 5.0, 3.0, 1.5, 0.7, 0.8, 2.5, 0.9, 0.8, 0.10, 0.15, 0.10, 0.10, 0.10, 0.04)
"""About what is usual on television, and by how much it varies, so that all numbers of a row are of one size; of them
the range of 8 bits is made."""
FARTHEST = 4.0
"""Spreads; what lies farther out counts as that."""
EMBEDDING_GAIN, EMBEDDING_MOST = 4.0, 6.0
"""What the logarithm of an embedding is multiplied by, and the most that it may become then."""
MOVES = len(USUAL)
"""How many numbers say how the level moves."""
EMBEDDING = 1024
PATCH, YAMNET_NETWORK = "patch", "yamnet"
"""The input of the bundle's further network, and its name."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Second:
    """levels: RMS of its frames, full scale is 1. embedding: (1024,), None without YAMNet."""

    levels: Samples
    embedding: Samples | None

    @property
    def is_dead(self) -> bool:
        """Whether there is no sound in it."""
        return bool(self.levels.max() < DEAD_LEVEL)


class Ear:
    """Hears seconds. Shared by threads."""

    def __init__(self, yamnet: Runtime | None = None) -> None:
        self._yamnet = yamnet
        self._log_mel = LogMel(YAMNET)

    @property
    def columns(self) -> int:
        """Of a row."""
        return MOVES + (EMBEDDING if self._yamnet is not None else 0)

    def hear(self, samples: Samples) -> Second:
        """samples: (at least HEARD,), mono."""
        frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        levels = np.sqrt(np.mean(np.square(frames), axis=1))
        if self._yamnet is None:
            return Second(levels, None)
        patch = self._log_mel(samples[:HEARD]).T[np.newaxis, ..., np.newaxis]
        (embedding,) = self._yamnet.run({PATCH: patch})[self._yamnet.outputs[0].name]
        return Second(levels, np.asarray(embedding, np.float32))

    def row(self, seconds: list[Second]) -> Samples:
        """(columns,), -4..6; zeros of nothing but dead seconds. seconds: oldest first, at least one."""
        alive = [second for second in seconds if not second.is_dead]
        if not alive:
            return np.zeros(self.columns, np.float32)
        parts = [moves(np.concatenate([second.levels for second in alive]))]
        embeddings = [second.embedding for second in alive if second.embedding is not None]
        if embeddings:
            parts.append(np.minimum(EMBEDDING_GAIN * np.log1p(np.mean(embeddings, axis=0)), EMBEDDING_MOST))
        return np.concatenate(parts).astype(np.float32)


class Trailing:
    """The trailing window of one sound, second by second."""

    def __init__(self, ear: Ear, window: int) -> None:
        """window: seconds."""
        self._ear = ear
        self._seconds: deque[Second] = deque(maxlen=window)
        self.heard = 0
        """Seconds since the start."""

    def push(self, samples: Samples) -> None:
        """One second; see `Ear.hear`."""
        self._seconds.append(self._ear.hear(samples))
        self.heard += 1

    @property
    def length(self) -> int:
        """Seconds in the window."""
        return len(self._seconds)

    @property
    def is_dead(self) -> bool:
        """Whether the window ends with dead seconds, or holds no others."""
        return all(second.is_dead for second in list(self._seconds)[-DEAD_SECONDS:])

    def row(self) -> Samples:
        """Of the window as it stands; see `Ear.row`."""
        return self._ear.row(list(self._seconds))


def moves(levels: Samples) -> Samples:
    """How the level moves, (MOVES,), the same for a louder or softer copy. levels: (frames,), not all 0.

    Percentiles over the window's RMS, deviation, mean and deviation of the steps from frame to frame, the share that is
    20 dB below, and the share of each of the RHYTHMS in what the level does; all as spreads from what is usual.
    """
    wide = levels.astype(np.float64)
    decibels = 20.0 * np.log10(np.maximum(wide / np.sqrt(np.mean(wide**2)), 10.0 ** (LOWEST_DB / 20.0)))
    steps = np.abs(np.diff(decibels))
    around = decibels - decibels.mean()
    power = np.abs(np.fft.rfft(around * np.hanning(len(around)))) ** 2
    rates = np.fft.rfftfreq(len(around), FRAME / RATE)
    total = power.sum()
    shares = [power[(rates >= low) & (rates < high)].sum() / total if total else 0.0 for low, high in RHYTHMS]
    found = [
        *np.percentile(decibels, PERCENTILES),
        *(decibels.std(), steps.mean(), steps.std(), np.mean(decibels < SOFT_DB)),
        *shares,
    ]
    return np.clip((np.array(found) - USUAL) / SPREAD, -FARTHEST, FARTHEST).astype(np.float32)


def seconds_of(samples: Samples) -> Iterator[Samples]:
    """Whole seconds from the start, and a rest that counts as one. samples: (frames,) at RATE."""
    for start in range(0, len(samples), SECOND):
        piece = samples[start : start + SECOND]
        if len(piece) >= HEARD:
            yield piece


def last_seconds(samples: Samples, window: int) -> Samples:
    """The end of a sound, so that `seconds_of` leaves none of its end out; at most `window` seconds."""
    count = min(window, (len(samples) + SECOND - HEARD) // SECOND)
    length = min(len(samples), count * SECOND)
    return samples[len(samples) - length :] if count else samples[:0]


def trailing_row(ear: Ear, samples: Samples, window: int) -> tuple[Samples, bool]:
    """The row of the end of a sound, and whether it is dead. samples: what `last_seconds` gives, not empty."""
    trailing = Trailing(ear, window)
    for second in seconds_of(samples):
        trailing.push(second)
    return trailing.row(), trailing.is_dead
