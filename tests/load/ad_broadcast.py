"""A real broadcast as measurements (`ads` of PIPIT_DATA), and what they say of each frame: is it an advertisement?

A model never sees frames near those that it scores. The first two thirds of the time are cut into blocks, a segment of
the programme and the break after it; each is scored by what was fitted on the others. The last third is scored by what
was fitted on the first two, and chooses nothing. So `scores` are one series of the whole broadcast, and a policy is
chosen where `last` is False and measured where it is True.

    members     logo          how well three logos of channels match: all but the answer, and no other channel has them
                picture       all else that was measured of the picture
                sound         the last 4 s of sound, and mean, deviation and ends of the trailing 30 s
                sound_now     the last 4 s alone
                furniture     what stays put on the screen, by region, the ticker of the race among it
                no_logo       picture, sound and furniture
                all           with the logos
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

TRAILING = 15
"""Frames of about 2 s: 30 s."""
FIRST_UNSEEN = 16
"""The first segment of the last third."""
APART = 30.0
"""Seconds between what fits a model and what it scores: no trailing window holds both."""
STRENGTHS = (0.0003, 0.003, 0.03, 0.3)
"""Of logistic regression (C), of which the inner blocks choose."""
LOGOS = ("v_peacock", "v_usa", "v_sbs")
TICKER = "v_ticker_edges"
"""Edges where this race has its ticker: furniture, wherever it is measured."""
MEMBERS = ("logo", "picture", "sound", "sound_now", "furniture", "no_logo", "all")

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Frames in the order of time, (n,) each. Times in seconds.

    truth: an advertisement runs, labelled by segment. reviewed: a person's ruling on the frame: content, ad, other.
    kind: of the segment, `full`, `nonstop` (beside the running race) or "". last: the part that chose nothing.
    scores: 0..1 by member.
    """

    times: Floats
    truth: Bits
    reviewed: NDArray[Any]
    segment: NDArray[np.int64]
    kind: NDArray[Any]
    last: Bits
    scores: Mapping[str, Floats]


def broadcast_scores(folder: Path, members: tuple[str, ...] = MEMBERS, model: str = "logistic") -> Broadcast:
    """Out-of-segment scores of every frame. folder: `ads` of PIPIT_DATA. model: `logistic` or `boosting`."""
    table = read_broadcast(folder)
    times, truth = table["t"].astype(float), table["label"] == "ad"
    segment = table["segment"].astype(np.int64)
    scores = {}
    for member in members:
        rows, score = features(table, member), np.full(len(times), np.nan)
        for test in outer_blocks(segment):
            # What comes after the last third begins never fits.
            train = (segment < FIRST_UNSEEN) & apart(times, test)
            score[test] = fitted_scores(rows, truth, segment, times, train, test, model)
        scores[member] = score
    last = segment >= FIRST_UNSEEN
    return Broadcast(times, truth, table["reviewed"], segment, table["kind"], last, scores)


def read_broadcast(folder: Path) -> dict[str, NDArray[Any]]:
    """Columns of `broadcast_frames.csv` by name: text, where it is text, else float64 with NaN where nothing is."""
    with (folder / "broadcast_frames.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = ("label", "kind", "reviewed", "v_phash")
    columns: dict[str, NDArray[Any]] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        columns[name] = np.array(values) if name in text else np.array([float(v) if v else np.nan for v in values])
    return columns


def features(table: Mapping[str, NDArray[Any]], member: str) -> Floats:
    """What a member goes by, (frames, columns). Its trailing windows hold nothing that comes later."""
    sound = np.column_stack([table[name] for name in table if name.startswith("a_")])
    others = (*LOGOS, "v_phash", TICKER)
    picture = np.column_stack([table[name] for name in table if name.startswith("v_") and name not in others])
    furniture = np.column_stack([table[name] for name in table if name.startswith("f_") or name == TICKER])
    logo = np.column_stack([table[name] for name in LOGOS])
    heard = np.column_stack([sound, trailing(sound)])
    parts = {
        "logo": [logo],
        "picture": [picture],
        "sound": [heard],
        "sound_now": [sound],
        "furniture": [furniture],
        "no_logo": [picture, heard, furniture],
        "all": [logo, picture, heard, furniture],
    }[member]
    return np.column_stack(parts)


def trailing(values: Floats, frames: int = TRAILING) -> Floats:
    """Mean, deviation, least and most over each frame and those before it, (n, 4 x columns); of fewer at the start."""
    padded = np.concatenate([np.full((frames - 1, values.shape[1]), np.nan), values])
    windows = sliding_window_view(padded, frames, axis=0)
    with warnings.catch_warnings():
        # A column that has no value in a window has none there.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = [measure(windows, axis=-1) for measure in (np.nanmean, np.nanstd, np.nanmin, np.nanmax)]
    return np.concatenate(found, axis=1)


def outer_blocks(segment: NDArray[np.int64]) -> list[Bits]:
    """What is scored together: of the first part a programme's segment with the break after it, then the last part."""
    return [*first_blocks(segment), segment >= FIRST_UNSEEN]


def first_blocks(segment: NDArray[np.int64]) -> list[Bits]:
    """Those of the first part."""
    return [(segment == start) | (segment == start + 1) for start in range(0, FIRST_UNSEEN, 2)]


def apart(times: Floats, block: Bits) -> Bits:
    """Frames outside of a block of time, and of its neighbourhood."""
    found: Bits = (times < times[block].min() - APART) | (times > times[block].max() + APART)
    return found


def fitted_scores(
    rows: Floats, truth: Bits, segment: NDArray[np.int64], times: Floats, train: Bits, test: Bits, model: str
) -> Floats:
    """Scores of `test` by what is fitted on `train`; its strength is chosen by blocks of `train` alone."""
    if model == "boosting":
        return scored(boosting(), rows, truth, train, test)
    inner = [block & train for block in first_blocks(segment) if 0 < truth[block & train].sum() < (block & train).sum()]
    best, chosen = -1.0, STRENGTHS[0]
    for strength in STRENGTHS:
        held = np.full(len(times), np.nan)
        for block in inner:
            held[block] = scored(logistic(strength), rows, truth, train & apart(times, block), block)
        known = ~np.isnan(held)
        ranked = float(roc_auc_score(truth[known], held[known]))
        if ranked > best:
            best, chosen = ranked, strength
    return scored(logistic(chosen), rows, truth, train, test)


def logistic(strength: float) -> Any:
    """Columns without a value get the median; outliers of levels don't set the scale."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        RobustScaler(quantile_range=(10.0, 90.0)),
        LogisticRegression(C=strength, class_weight="balanced", max_iter=2000),
    )


def boosting() -> Any:
    """Small trees: there are a dozen breaks to learn from, not three thousand frames."""
    return HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=1.0, random_state=1
    )


def scored(model: Any, rows: Floats, truth: Bits, train: Bits, test: Bits) -> Floats:
    """How likely each row of `test` is an advertisement."""
    model.fit(rows[train], truth[train])
    return np.asarray(model.predict_proba(rows[test])[:, 1])
