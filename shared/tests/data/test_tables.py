from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound


def test_rows_come_with_their_lines_and_without_spaces(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(b'\xef\xbb\xbffile,label,fold\r\na.wav, dog ,\r\n\r\n"b,c.wav",siren,2,left over\r\n')
    assert list(rows_of(table, ("file", "label"))) == [
        (2, {"file": "a.wav", "label": "dog"}),
        (4, {"file": "b,c.wav", "label": "siren", "fold": "2"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file\na.wav\n", "has no column label"),
        (b"", "has no column file, label"),
        (b"file,label\na.wav\n", "line 2: label is empty"),
        (b"file,label\na.wav,  \n", "line 2: label is empty"),
        (b"file,label\n\xff\xfe,dog\n", "not UTF-8"),
        (b'file,label\n"' + b"a" * 200_000 + b'",dog\n', "is no table"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        list(rows_of(table, ("file", "label")))


def test_a_missing_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"labels\.csv is missing"):
        list(rows_of(tmp_path / "labels.csv", ("file",)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    try:
        rows = list(rows_of(table, ("file",)))
    except InvalidInput:
        return
    assert all(row["file"] for _, row in rows)
