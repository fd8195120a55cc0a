"""Cuts recordings into windows of steps. A window is judged at its end, so that a device can say it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.stress.past import OwnPast, Prior, channels_of
from emotion.stress.recordings import Recording
from emotion.stress.signals import Signals, Values


@dataclass(frozen=True)
class Windows:
    """rows: (windows, steps, channels). score: of the last step, (windows,). participant, recording: names.

    last: position of the window's last step in its recording. elapsed: steps since the participant began.
    """

    rows: NDArray[np.float32]
    score: NDArray[np.float32]
    participant: NDArray[np.object_]
    recording: NDArray[np.object_]
    last: NDArray[np.int64]
    elapsed: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, participants: Sequence[str]) -> Windows:
        """Those of some participants."""
        chosen = np.isin(self.participant, list(participants))
        return Windows(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})

    def truth(self, stressed_from: float) -> NDArray[np.int64]:
        """0 calm, 1 stressed."""
        return (self.score >= stressed_from).astype(np.int64)


def joined(parts: Sequence[Windows]) -> Windows:
    """One after the other. parts: at least one."""
    return Windows(*(np.concatenate([getattr(p, name) for p in parts]) for name in Windows.__dataclass_fields__))


def last_steps(steps: int, window: int, hop: int) -> range:
    """Positions of the last steps of the windows of a recording; none if it is shorter than a window."""
    return range(window - 1, steps, hop)


def has_anything(rows: NDArray[np.float32], signals: Signals) -> NDArray[np.bool_]:
    """Whether a window holds any measured value. rows: (windows, steps, channels)."""
    return np.asarray(rows[:, :, len(signals.names) :].any(axis=(1, 2)), bool)


def cut_windows(
    recordings: Sequence[Recording], signals: Signals, prior: Prior, window: int, hop: int, *, past_ends: bool = True
) -> Windows:
    """Windows that have a score and any measured value, of recordings in their order.

    past_ends: what is known of a person ends with a recording. Otherwise it goes on into the person's next one.
    """
    parts: list[Windows] = []
    pasts: dict[str, OwnPast] = {}
    elapsed: dict[str, int] = {}
    for recording in recordings:
        begun = elapsed.get(recording.participant, 0)
        if past_ends or recording.participant not in pasts:
            pasts[recording.participant] = OwnPast(prior)
        channels = channels_of(signals.check(recording.values), signals, pasts[recording.participant])
        elapsed[recording.participant] = begun + len(recording.values)
        ends = np.array(last_steps(len(channels), window, hop), np.int64)
        ends = ends[np.isfinite(recording.score[ends])]
        rows = _stacked(channels, ends, window)
        kept = has_anything(rows, signals)
        count = int(kept.sum())
        parts.append(
            Windows(
                rows[kept],
                recording.score[ends][kept],
                np.full(count, recording.participant, object),
                np.full(count, recording.name, object),
                ends[kept],
                begun + ends[kept],
            )
        )
    if not parts:
        return _none(window, signals)
    return joined(parts)


def _stacked(channels: Values, ends: NDArray[np.int64], window: int) -> NDArray[np.float32]:
    rows = [channels[end - window + 1 : end + 1] for end in ends]
    return np.stack(rows) if rows else np.empty((0, window, channels.shape[1]), np.float32)


def _none(window: int, signals: Signals) -> Windows:
    names, numbers = np.empty(0, object), np.empty(0, np.int64)
    rows = np.empty((0, window, signals.channels), np.float32)
    return Windows(rows, np.empty(0, np.float32), names, names, numbers, numbers)
