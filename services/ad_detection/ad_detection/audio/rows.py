"""Rows of moments for training: heard once, and kept under a digest of all that they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.training.cache import ArrayCache
from pipit.training.progress import Progress

from ad_detection.audio.data import Moment, heard
from ad_detection.audio.hearing import Ear, trailing_row

FORMAT = 1
"""Of what is kept; counts up when the code that hears changes."""

Rows = NDArray[np.float32]


@dataclass(slots=True)
class Heard:
    """rows: (columns,) by a moment's name. dead: names of moments of dead sound. problems: why others have none."""

    rows: dict[str, Rows] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def rows_of(
    ear: Ear,
    moments: Sequence[Moment],
    window: int,
    digests: Mapping[Path, str],
    listens_with: str,
    cache: ArrayCache,
    progress: Progress,
) -> Heard:
    """digests: SHA-256 of every file. listens_with: digest of the ear's further network, "" without one."""
    found = Heard()
    with progress.track("listening", len(moments)) as bar:
        for _, together in groupby(moments, lambda moment: moment.files if moment.end is not None else moment.name):
            group = list(together)
            problems: dict[str, str] = {}

            def listen(group: Sequence[Moment] = group, problems: dict[str, str] = problems) -> Rows:
                return _listen(ear, group, window, problems)

            key: dict[str, Any] = {
                "audio": FORMAT,
                "sound": [digests[path] for path in group[0].files],
                "ends": [moment.end for moment in group],
                "window": window,
                "listens_with": listens_with,
            }
            # The first column says whether a row is there (1), dead (0) or can't be heard (-1).
            kept = cache.get(key, listen)
            if (kept[:, 0] < 0).any() and not problems:
                listen()
            for moment, row in zip(group, kept, strict=True):
                if row[0] > 0:
                    found.rows[moment.name] = row[1:]
                elif row[0] < 0:
                    found.problems[moment.name] = problems[moment.name]
                else:
                    found.dead.append(moment.name)
            bar.advance(len(group))
    return found


def _listen(ear: Ear, moments: Sequence[Moment], window: int, problems: dict[str, str]) -> Rows:
    """(moments, 1 + columns), in their order."""
    rows = np.zeros((len(moments), 1 + ear.columns), np.float32)
    places = {moment.name: place for place, moment in enumerate(moments)}
    for moment, samples in heard(moments, window):
        place = places[moment.name]
        if isinstance(samples, str):
            problems[moment.name] = samples
            rows[place, 0] = -1.0
        else:
            row, is_dead = trailing_row(ear, samples, window)
            rows[place, 0], rows[place, 1:] = float(not is_dead), row
    return rows
