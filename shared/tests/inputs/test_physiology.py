from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs.physiology import read_minutes

HEADING = "heart_rate,rmssd,skin_conductance\n"


def _write(folder: Path, text: str) -> Path:
    path = folder / "minutes.csv"
    path.write_text(text)
    return path


def test_columns_are_found_by_name_and_empty_values_are_missing(tmp_path: Path) -> None:
    text = "person,skin_conductance,heart_rate,rmssd\nanna,5.1,71,0.042\nanna,,999, 0.05\n"
    minutes = read_minutes(_write(tmp_path, text))
    assert minutes.dtype == np.float32
    np.testing.assert_allclose(minutes, [[71, 0.042, 5.1], [999, 0.05, np.nan]], rtol=1e-6)


def test_minutes_that_are_left_out_are_missing(tmp_path: Path) -> None:
    text = "minute," + HEADING + "5,71,0.042,5\n6,72,0.042,5\n9,73,0.042,5\n"
    assert read_minutes(_write(tmp_path, text))[:, 0].tolist() == pytest.approx(
        [71, 72, np.nan, np.nan, 73], nan_ok=True
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("heart_rate,rmssd\n71,0.04\n", InvalidInput, "has no column skin_conductance; its first line names"),
        ("", InvalidInput, "has no column heart_rate, rmssd, skin_conductance"),
        (HEADING, InvalidInput, "holds no minute; give a line for each"),
        (
            HEADING + "fast,0.04,5\n",
            InvalidInput,
            "line 2: heart_rate is 'fast', not a number; leave",
        ),
        (HEADING + "71,42,5\n", InvalidInput, "line 2: rmssd is 42, which must be milliseconds; give seconds"),
        ("minute," + HEADING + "1.5,71,0.04,5\n", InvalidInput, "line 2: minute is '1.5', not a whole number"),
        ("minute," + HEADING + "2,71,,\n1,71,,\n", InvalidInput, "line 3: minute 1 comes after a later one; sort them"),
        ("minute," + HEADING + "2,71,,\n2,71,,\n", InvalidInput, "line 3: minute 2 comes after a later one"),
        ("minute," + HEADING + "0,71,,\n999999999,71,,\n", InputTooLarge, "line 3: more than 100000 minutes; cut the"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_minutes(_write(tmp_path, text))


def test_rows_that_spreadsheets_leave_behind_are_no_minutes(tmp_path: Path) -> None:
    without = read_minutes(_write(tmp_path, HEADING + "71,0.042,5.1\n,,\n70,0.04,5\n,,\n,,\n"))
    np.testing.assert_allclose(without, [[71, 0.042, 5.1], [np.nan] * 3, [70, 0.04, 5]], rtol=1e-6)
    numbered = read_minutes(_write(tmp_path, "minute," + HEADING + "0,71,0.042,5.1\n1,70,0.04,5\n,,,\n,,,\n"))
    np.testing.assert_allclose(numbered, [[71, 0.042, 5.1], [70, 0.04, 5]], rtol=1e-6)


def test_decimal_commas_never_shift_a_column(tmp_path: Path) -> None:
    parted = read_minutes(_write(tmp_path, "minute;" + HEADING.replace(",", ";") + "0;71;0,042;5,1\n"))
    np.testing.assert_allclose(parted, [[71, 0.042, 5.1]], rtol=1e-6)
    with pytest.raises(InvalidInput, match="line 3: has 4 cells for 3 columns; if its numbers have decimal commas"):
        read_minutes(_write(tmp_path, HEADING + "71,0.042,5.1\n71,1,0.042,5.1\n"))


def test_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "minutes.csv").write_bytes(b"\xff\xfe\x00\x81" * 9)
    with pytest.raises(InvalidInput, match="has no column heart_rate"):
        read_minutes(tmp_path / "minutes.csv")
    with pytest.raises(NotFound, match="there is no table"):
        read_minutes(tmp_path / "gone.csv")
