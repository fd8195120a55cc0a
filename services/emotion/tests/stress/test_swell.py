from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from emotion.stress.data import read_dataset
from emotion.stress.swell import FILE, read_swell
from pipit.errors import InvalidInput, NotFound

HEAD = "PP,C,Condition,timestamp,HR,RMSSD,SCL,\r\n"


def _folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / FILE).write_text(text)
    return tmp_path


def test_a_block_is_a_recording_with_a_score_for_each_minute(tmp_path: Path) -> None:
    rows = (
        "PP1,1,R,x,60,0.05,100,\r\nPP1,1,N,x,999,999,120,note\r\nPP2,1,R,x,70,0.04,999,\r\nPP1,2,I,x,61,0.06,130,\r\n"
    )
    listing = read_swell(_folder(tmp_path, HEAD + rows))
    assert listing.problems == ()
    assert [recording.name.partition("/")[2] for recording in listing.items] == ["PP1/1", "PP1/2", "PP2/1"]
    first, second, _ = listing.items
    np.testing.assert_allclose(first.values, [[60, 0.05, 100], [np.nan, np.nan, 120]], rtol=1e-6)
    assert first.score.tolist() == [0.0, 0.0]
    assert second.score.tolist() == [1.0]
    assert first.participant == second.participant == f"{tmp_path.name}/PP1"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("PP1,1,X,x,60,0.05,100,", "condition 'X' is none of R, N, I, T"),
        ("PP1,1,R,x,sixty,0.05,100,", "HR is 'sixty', not a number"),
        ("PP1,1,R,x,nan,0.05,100,", "HR is nan"),
        ("PP1,1,R,x,-4,0.05,100,", "HR is -4; heart_rate lies above 0 and up to 250"),
        ("PP1,1,R,x,60,7,100,", "RMSSD is 7"),
    ],
)
def test_bad_rows_are_named_by_their_line_and_the_others_are_read(tmp_path: Path, row: str, message: str) -> None:
    listing = read_swell(_folder(tmp_path, f"{HEAD}{row}\r\nPP1,1,R,x,60,0.05,100,\r\n"))
    (problem,) = listing.problems
    assert f"{FILE}, line 2: {message}" in problem
    assert len(listing.items[0].values) == 1


def test_what_gives_the_answer_away_is_not_read(tmp_path: Path) -> None:
    row = "PP1,1,R,{},60,0.05,100,\r\n"
    one = read_swell(_folder(tmp_path, HEAD + row.format("20120918T131600000")))
    other = read_swell(_folder(tmp_path, HEAD + row.format("broken")))
    assert one.items[0].values.shape == (1, 3)
    np.testing.assert_array_equal(one.items[0].values, other.items[0].values)


def test_a_missing_column_table_or_another_step_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=FILE):
        read_swell(tmp_path)
    with pytest.raises(InvalidInput, match="no column SCL"):
        read_swell(_folder(tmp_path, "PP,C,Condition,HR,RMSSD\r\n"))
    with pytest.raises(InvalidInput, match="step_seconds must be 60"):
        read_dataset(tmp_path, "swell", 30.0)
    with pytest.raises(InvalidInput, match="no kind 'wesad'; it has swell, recordings"):
        read_dataset(tmp_path, "wesad", 60.0)


@pytest.mark.data
def test_the_real_table_holds_20_people_of_three_blocks(real_data: Path) -> None:
    listing = read_swell(real_data / "stress")
    assert listing.problems == ()
    assert Counter(len([r for r in listing.items if r.participant == p.participant]) for p in listing.items) == {3: 60}
    scores = np.concatenate([recording.score for recording in listing.items])
    values = np.concatenate([recording.values for recording in listing.items])
    assert len(scores) == 2509
    assert int(scores.sum()) == 796 + 531
    assert np.isnan(values).sum(axis=0).tolist() == [1197, 1197, 449]
