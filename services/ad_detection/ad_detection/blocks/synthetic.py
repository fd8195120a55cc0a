"""SYNTHETIC scores, as a program that knows the truth would disturb it: they show the way, and nothing else.

Members err in stretches and not at random: one that looks flickers within spots, one that hears is late, and is silent
for a while in one of the recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.data.check import Advance
from pipit.data.spans import Span, Spans
from pipit.data.spans.table import table_text
from pipit.files import write_atomically
from pipit.inputs import Input, TensorInput

from ad_detection.blocks.ensemble import Member
from ad_detection.blocks.pipeline import SCORES
from ad_detection.blocks.recordings import Series, series_text, write_members
from ad_detection.labelled_frames import TABLE
from ad_detection.measure import AD

CHANNELS, PROGRAMMES, SECONDS = 4, 3, 1500
NAMES = ("frames", "audio")


def write_synthetic_set(folder: Path, advance: Advance = lambda done, total: None) -> None:
    """`channelN/programmeM.csv`, labels.csv, and members that no bundle stands behind. advance: counts recordings."""
    members = [Member(name, f"ad_detection.{name}", "0.0.0", "0" * 64, name == "audio", 0.5) for name in NAMES]
    write_members(folder, members)
    spans = []
    for channel in range(1, CHANNELS + 1):
        for programme in range(1, PROGRAMMES + 1):
            generator = np.random.default_rng([7, channel, programme])
            name = f"channel{channel}/programme{programme}"
            is_ad, breaks = _breaks(generator)
            scores = _scores(is_ad, generator)
            if programme == 1:
                scores[200:260, 1] = np.nan
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            text = series_text(NAMES, Series(np.arange(SECONDS, dtype=np.float64), scores))
            write_atomically(folder / f"{name}.csv", text.encode())
            advance(PROGRAMMES * (channel - 1) + programme, CHANNELS * PROGRAMMES)
            spans += [Span(name, float(start), float(stop), AD) for start, stop in breaks]
    write_atomically(folder / TABLE, table_text(Spans(spans)).encode())


def golden_inputs(count: int, seed: int, members: int) -> Sequence[Input]:
    """Tables of scores, a few minutes each, for any number of members; some of them are silent."""
    items = []
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        scores = generator.uniform(0.0, 1.0, (120, members)).astype(np.float32)
        scores[generator.uniform(size=scores.shape) < 0.1] = np.nan
        seconds = np.arange(120, dtype=np.float32)
        items.append(TensorInput(SCORES, np.column_stack([seconds, scores]).astype(np.float32)))
    return items


def _breaks(generator: np.random.Generator) -> tuple[NDArray[np.bool_], list[tuple[int, int]]]:
    is_ad, breaks = np.zeros(SECONDS, bool), []
    second = int(generator.integers(200, 500))
    while second < SECONDS - 250:
        length = int(generator.integers(118, 217))
        breaks.append((second, second + length))
        is_ad[second : second + length] = True
        second += length + int(generator.integers(300, 600))
    return is_ad, breaks


def _scores(is_ad: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.float32]:
    """(moments, 2)."""
    columns = []
    for late, noise, length in ((0, 1.6, 6), (4, 1.2, 12)):
        truth = np.roll(is_ad, late)
        truth[:late] = False
        drift = np.convolve(generator.normal(0.0, 1.0, len(is_ad) + length - 1), np.ones(length), "valid")
        odds = np.where(truth, 1.8, -1.8) + noise * drift / np.sqrt(length)
        columns.append(1.0 / (1.0 + np.exp(-odds)))
    return np.stack(columns, axis=1).astype(np.float32)
