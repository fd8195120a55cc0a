"""The series that policies over time are measured on holds no score that was taught by its own neighbourhood."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FRAMES = 40
"""Of a segment, 2 s each: longer than what is kept apart."""


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`ad_broadcast`, which lies beside this file and in no package."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("ad_broadcast")


@pytest.fixture
def broadcast(tmp_path: Path) -> Path:
    """24 segments in turn of content and ad, of which one column of sound tells a little."""
    draw = np.random.default_rng(1)
    names = ["frame", "t", "label", "kind", "segment", "reviewed", "v_phash", "v_peacock", "v_usa", "v_sbs"]
    names += ["v_mean_lum", "v_ticker_edges", "a_rms_db", "a_zcr", "f_fs_left"]
    with (tmp_path / "broadcast_frames.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for frame in range(24 * FRAMES):
            segment = frame // FRAMES
            label = "ad" if segment % 2 else "content"
            numbers = draw.normal(0.0, 1.0, 8).tolist()
            numbers[5] += 2.0 * (segment % 2)
            numbers[7] = "" if frame < 12 else numbers[7]
            writer.writerow([frame, 2.0 * frame, label, "full" if segment % 2 else "", segment, label, "00", *numbers])
    return tmp_path


def test_no_score_is_taught_by_its_neighbourhood_or_by_the_last_third(
    study: ModuleType, broadcast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = study.read_broadcast(broadcast)
    times, segment = table["t"], table["segment"]
    asked: list[tuple[Any, Any]] = []
    whole = study.scored

    def watched(model: Any, rows: Any, truth: Any, train: Any, test: Any) -> Any:
        asked.append((train, test))
        return whole(model, rows, truth, train, test)

    monkeypatch.setattr(study, "scored", watched)
    found = study.broadcast_scores(broadcast, ("sound_now",))
    assert asked
    for train, test in asked:
        assert not (train & (segment >= study.FIRST_UNSEEN)).any()
        distances = np.abs(times[train][:, np.newaxis] - times[test][np.newaxis])
        assert distances.min() > study.APART
    scores = found.scores["sound_now"]
    assert np.isfinite(scores).all()
    assert found.last.sum() == 8 * FRAMES
    # Two deviations apart are ranked rightly in about nine of ten pairs.
    assert np.mean(scores[found.truth][:, np.newaxis] > scores[~found.truth][np.newaxis]) > 0.85


def test_what_trails_knows_nothing_of_what_comes(study: ModuleType, broadcast: Path) -> None:
    table = study.read_broadcast(broadcast)
    before = study.features(table, "all")
    table["a_rms_db"][500:] += 100.0
    after = study.features(table, "all")
    np.testing.assert_array_equal(before[:500], after[:500])
    assert (np.nan_to_num(before[500]) != np.nan_to_num(after[500])).any()


def test_logos_stay_where_they_are_meant_to_be(study: ModuleType, broadcast: Path) -> None:
    table = study.read_broadcast(broadcast)
    before = {member: study.features(table, member) for member in study.MEMBERS}
    for name in study.LOGOS:
        table[name] = table[name] + 1.0
    moved = {
        member
        for member, rows in before.items()
        if not np.array_equal(rows, study.features(table, member), equal_nan=True)
    }
    assert moved == {"logo", "all"}
