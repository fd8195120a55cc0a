from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emotion.stress.data import check_folder
from emotion.stress.swell import FILE
from pipit.errors import NotFound


def _seen(_done: int, _all: int) -> None:
    pass


def test_physiology_is_counted_and_bad_rows_are_named(synthetic: Path, tmp_path: Path) -> None:
    report = check_folder(synthetic, _seen)
    assert (report.layout, report.recordings, report.problems) == ("swell", 45, ())
    assert report.classes == {"calm": 15 * (3 * 6 + 20), "stressed": 15 * 40}
    assert report.seconds == 15 * 78 * 60
    (tmp_path / FILE).write_text((synthetic / FILE).read_text().replace(",R,", ",Q,", 1))
    (problem,) = check_folder(tmp_path, _seen).problems
    assert "condition 'Q'" in problem


def test_own_recordings_are_counted_and_the_scale_is_told(own: Path) -> None:
    report = check_folder(own, _seen)
    assert (report.layout, report.recordings, report.problems) == ("recordings", 12, ())
    assert report.classes == {"calm": 240, "stressed": 240}
    assert any("scores go from 2 to 8" in note for note in report.notes)
    assert any("only 6 participants" in note for note in report.notes)


def test_a_recording_without_any_value_is_noted(tmp_path: Path) -> None:
    head = "PP,C,Condition,timestamp,HR,RMSSD,SCL\n"
    (tmp_path / FILE).write_text(head + "PP1,1,R,x,999,999,999\nPP2,1,R,x,60,0.1,999\n")
    notes = check_folder(tmp_path, _seen).notes
    assert any(note.endswith("measured value: " + f"{tmp_path.name}/PP1/1") for note in notes)


def test_a_folder_of_neither_kind_says_what_is_looked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "landmarks.npz", x=np.zeros(3))
    with pytest.raises(NotFound, match=r"neither swell_kw_physiology\.csv nor scores\.csv"):
        check_folder(tmp_path, _seen)
