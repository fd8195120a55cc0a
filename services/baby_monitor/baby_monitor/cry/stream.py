"""One caller's microphone: windows to episodes, as they begin and end.

PCM ─> windows ─> the gate ─> episodes ─┬─> nobody cries: an answer a window, and the task's network never runs
└─> an episode: its windows, for one answer
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pipit.inputs.audio.stream import Windows
from pipit.pipelines.pcm_stream import PcmStream
from pipit.types import Decoded, TimeSpan

from baby_monitor.cry.episodes import EpisodeRule, Episodes, Heard
from baby_monitor.cry.hearing import Hearing

INPUT = "heard"
Row = tuple[TimeSpan, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class CryDecoded(Decoded):
    """Rows of the windows of all episodes, one after another. answers: each with the positions of its rows."""

    answers: tuple[Heard[int], ...]
    repeatable: ClassVar[bool] = True


class CryStream(PcmStream):
    """State of one stream. Its end ends the episode that goes on."""

    def __init__(self, hearing: Hearing, rule: EpisodeRule) -> None:
        front_end = hearing.front_end
        super().__init__(front_end.log_mel.sample_rate, front_end.window_seconds, front_end.hop_seconds)
        self._hearing = hearing
        self._episodes: Episodes[Row] = Episodes(rule)

    def hear(self, windows: Windows) -> Decoded | None:
        """See `PcmStream`."""
        return self._answers(listen(self._hearing, self._episodes, *windows))

    def hear_last(self, windows: Windows) -> Decoded | None:
        """See `PcmStream`."""
        return self._answers([*listen(self._hearing, self._episodes, *windows), *self._episodes.finish()])

    def _answers(self, heard: list[Heard[Row]]) -> Decoded | None:
        return decoded(heard, self._hearing.size) if heard else None


def listen(
    hearing: Hearing, episodes: Episodes[Row], windows: NDArray[np.float32], spans: Sequence[TimeSpan]
) -> list[Heard[Row]]:
    """What can be answered after these windows, (n, samples)."""
    answers: list[Heard[Row]] = []
    for window, span in zip(windows, spans, strict=True):
        # One by one: a long recording would else stand in memory several times.
        row = hearing(window[np.newaxis])[0]
        answers += episodes.push(span, float(row[0]), (span, row))
    return answers


def decoded(answers: Iterable[Heard[Row]], size: int) -> CryDecoded:
    """Rows and their regions for the network, and which of them belong to which answer. size: columns of a row."""
    rows: list[Row] = []
    placed = []
    for answer in answers:
        first = len(rows)
        rows += answer.rows
        placed.append(Heard(answer.span, tuple(range(first, len(rows)))))
    values = np.stack([row for _, row in rows]) if rows else np.zeros((0, size), np.float32)
    return CryDecoded({INPUT: values}, tuple(span for span, _ in rows), tuple(placed))
