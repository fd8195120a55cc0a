"""What the report of cries has besides: reasons among cries alone, and what the gate hears and does not.

cries.accuracy, cries.macro_f1         of the reasons, in recordings of cries, as if the gate heard them all
cries.baseline.accuracy, .macro_f1     of the best constant reason
cries.macro_f1_gain                    by how much the network's macro F1 exceeds that
gate.cries_heard                       share of the cries that the gate hears
gate.other_cries_heard                 the same of cries of another data set, of no known reason
gate.false_alarm_rate                  share of recordings without a cry in which it hears one
background.…                           episodes in whole recordings without a cry, heard as by a device
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Metric
from pipit.inputs import PcmAudio
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.listening import Listened, listen_to_background
from pipit.training.evaluation import Scores, evaluate
from pipit.training.intervals import Estimate, grouped_share
from pipit.training.progress import Progress
from pipit.types import LabelScore, Prediction

from baby_monitor.cry.episodes import EpisodeRule
from baby_monitor.cry.hearing import Hearing
from baby_monitor.cry.labels import CRY, NO_CRY
from baby_monitor.cry.stream import CryDecoded, CryStream


def reasons_alone(
    reasons: tuple[str, ...], truth: NDArray[np.int64], scores: Scores, groups: NDArray[Any], seed: int
) -> dict[str, Metric]:
    """truth: positions of reasons, (n,). scores: (n, reasons), as if every window were a cry."""
    found = evaluate(reasons, truth, scores, groups, seed=seed)
    metrics = found.metrics()
    kept = {name: metrics[name] for name in ("accuracy", "macro_f1", "baseline.accuracy", "baseline.macro_f1")}
    gain = found.macro_f1.value - found.baseline.macro_f1
    kept["macro_f1_gain"] = Estimate(gain, len(truth)).to_metric()
    return {f"cries.{name}": metric for name, metric in kept.items()}


def share_heard(heard: NDArray[np.bool_], groups: NDArray[Any], seed: int) -> Metric | None:
    """With its interval over groups; None of nothing."""
    share = grouped_share(heard, groups, seed)
    return None if share is None else share.to_metric()


def long_recordings(clips: Iterable[Clip]) -> dict[str, Path]:
    """The recordings of any length, by name, that pieces without a cry were cut from; other clips are too short."""
    return {clip.file: clip.path for clip in clips if clip.category == NO_CRY and clip.end is not None}


def listen_for_cries(
    hearing: Hearing, rule: EpisodeRule, recordings: Mapping[str, Path], progress: Progress
) -> Listened:
    """Episodes that the gate hears in recordings, by name, in which nobody cries."""

    def listen(pieces: Iterable[PcmAudio]) -> Iterator[Prediction]:
        stream = CryStream(hearing, rule)
        for piece in pieces:
            yield from _episodes(stream.push(piece))
        yield from _episodes(stream.finish())

    return listen_to_background(listen, recordings, progress)


def _episodes(decoded: Any) -> Iterator[Prediction]:
    if isinstance(decoded, CryDecoded):
        for answer in decoded.answers:
            yield Prediction((LabelScore(CRY, float(answer.is_cry), detected=answer.is_cry),), answer.span)
