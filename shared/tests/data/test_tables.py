from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.data.tables import file_named, rows_of
from pipit.errors import InvalidInput, NotFound


def test_rows_come_with_their_lines_and_without_spaces(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(b'\xef\xbb\xbffile,label,fold\r\na.wav, dog ,\r\n\r\n"b,c.wav",siren,2,\r\n,,\r\n')
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
        (b"file,label\n\xff\xfe,dog\n", "line 2: is no text in UTF-8; save the table as UTF-8"),
        (b"file,label\na.wav,dog,cat\n", "line 2: has 3 cells for 2 columns"),
        (b'file,label\na.wav,"dog\nb.wav,cat\n', "line 3: a quotation mark is not closed"),
        (b'file,label\na.wav,"do"g\n', "line 2: a quotation mark is not closed, or stands within a cell"),
        (b'file,label\n"' + b"a" * 200_000 + b'",dog\n', "is no table"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        list(rows_of(table, ("file", "label")))


def test_every_bad_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(b"file,label\na.wav,dog\nb.wav,\n,,\n\xfc.wav,cat\nc.wav,dog\nd.wav\n")
    problems: list[str] = []
    assert [line for line, _ in rows_of(table, ("file", "label"), problems)] == [2, 6]
    assert problems == [
        f"{table}, line 3: label is empty",
        f"{table}, line 5: is no text in UTF-8; save the table as UTF-8",
        f"{table}, line 7: label is empty",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_as_spreadsheets_save_them(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    table = tmp_path / "labels.csv"
    lines = [["file", "label", "share"], ["Türklingel.wav", "dog", "0.5"], ["", "", ""]]
    table.write_bytes(end.join(map(separator.join, lines)).encode(encoding))
    assert list(rows_of(table, ("file", "label"))) == [(2, {"file": "Türklingel.wav", "label": "dog", "share": "0.5"})]


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text('file,label,note\na.wav,dog,"first\nsecond"\nb.wav,"d"o,\nc.wav,cat,\n')
    problems: list[str] = []
    assert list(rows_of(table, ("file", "label"), problems)) == [
        (3, {"file": "a.wav", "label": "dog", "note": "first\nsecond"}),
        (5, {"file": "c.wav", "label": "cat"}),
    ]
    assert [problem.split(":")[0] for problem in problems] == [f"{table}, line 4"]


def test_decimal_commas_are_points_where_semicolons_part_columns(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file;label;share\na,b.wav;1,5;-0,25\n")
    assert list(rows_of(table, ("file",))) == [(2, {"file": "a,b.wav", "label": "1.5", "share": "-0.25"})]


@pytest.mark.parametrize(
    ("on_disk", "in_table"),
    [
        ("Tu\u0308r.wav", "T\u00fcr.wav"),
        ("T\u00fcr.wav", "Tu\u0308r.wav"),
        ("audio/a.wav", "audio\\a.wav"),
        ("audio/Tu\u0308r.wav", "audio/T\u00fcr.wav"),
    ],
)
def test_a_file_is_found_however_its_name_is_written(tmp_path: Path, on_disk: str, in_table: str) -> None:
    path = tmp_path / on_disk
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert file_named(tmp_path, in_table) == path


@pytest.mark.parametrize("name", ["", ".", "..", "../a.wav", "..\\a.wav", "/etc/passwd", "folder", "gone.wav", "a\0b"])
def test_no_table_reaches_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "set" / "folder").mkdir(parents=True)
    assert file_named(tmp_path / "set", name) is None


def test_a_missing_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"labels\.csv is missing"):
        list(rows_of(tmp_path / "labels.csv", ("file",)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    try:
        rows = list(rows_of(table, ("file",)))
    except InvalidInput:
        return
    assert all(row["file"] for _, row in rows)
