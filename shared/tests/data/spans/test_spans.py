from __future__ import annotations

import string
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.data.spans import Span, Spans
from pipit.data.spans.cuts import BREAK, CUT, MUTE, comskip_text, edl_text, read_comskip, read_edl
from pipit.data.spans.read import read_spans
from pipit.data.spans.table import read_table, table_text
from pipit.data.spans.times import seconds_of
from pipit.data.synthetic import mark_synthetic
from pipit.errors import InvalidInput, NotFound


def table(folder: Path, *lines: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(("recording,start,end,label", *lines)) + "\n", "utf-8")
    return path


def test_a_table_says_what_is_shown_when(tmp_path: Path) -> None:
    spans = read_table(
        table(
            tmp_path,
            "evening, 0:01:00, 2:30, ad",
            'evening,150,1:00:00,"news, late"',
            "morning,5,9.5,ad",
            "morning,9,12,ad",
        )
    )
    assert spans.recordings == ("evening", "morning")
    assert spans.labels == ("ad", "news, late")
    moments = [(0, None), (59.999, None), (60, "ad"), (149.9, "ad"), (150, "news, late"), (3600, None)]
    assert [(at, spans.label_at("evening", at)) for at, _ in moments] == moments
    assert spans.label_at("evening", 59, otherwise="content") == "content"
    assert spans.of("morning") == (Span("morning", 5, 12, "ad"),)
    with pytest.raises(NotFound, match="no labels are known of noon; label it, or leave it out"):
        spans.label_at("noon", 1)
    spans.require(["evening", "morning", "noon"])
    with pytest.raises(InvalidInput, match="1 recordings that are not there, for example morning"):
        spans.require(["evening"])


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["a,5,5,ad"], r"line 2: a span of a from 5 to 5 s can't be; its end has to come after its start"),
        (["a,1,2,ad", "a,9,5,ad"], r"line 3: a span of a from 9 to 5 s can't be"),
        (["a,-1,5,ad"], r"line 2: '-1' is no time; write seconds as 83\.5, or 0:01:23\.5"),
        (["a,nan,5,ad"], "line 2: 'nan' is no time"),
        (["a,1:75,300,ad"], "line 2: '1:75' is no time: 60 seconds are a minute"),
        (["a,1,2,"], "line 2: label is empty"),
        (["a,0,10,ad", "a,8,20,news"], r"in a, ad until 10 s and news from 8 s overlap; end the first where"),
    ],
)
def test_what_can_not_be_is_said(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(InvalidInput, match=rf"labels\.csv(: |, ){problem}"):
        read_table(table(tmp_path, *lines))


def test_an_edl_with_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "evening.edl"
    path.write_bytes("\ufeff0.00 12.5\t0\r\n 20 30 1\r\n40 40 2\r\n\r\n0:01:00 1:30 3\r\n## made by hand\r\n".encode())
    assert read_edl(path, "ad").all == (Span("evening", 0, 12.5, "ad"), Span("evening", 60, 90, "ad"))
    assert read_edl(path, "quiet", "other", {MUTE}).all == (Span("other", 20, 30, "quiet"),)
    assert read_edl(path, "ad", kinds=(CUT, BREAK)) == read_spans(path, "ad")
    path.write_text("#250 #500 3\n")
    assert read_edl(path, "ad", rate=25).all == (Span("evening", 10, 20, "ad"),)
    with pytest.raises(InvalidInput, match=r"evening\.edl, line 1: #250 is the number of a frame; write seconds"):
        read_edl(path, "ad")


@pytest.mark.parametrize("line", ["1 2", "1 2 4", "1 2 3 4", "one 2 3", "5 2 3", "1,2,3"])
def test_an_edl_s_bad_lines(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.edl").write_text(f"0 1 3\n{line}\n")
    with pytest.raises(InvalidInput, match=r"^a\.edl, line 2: "):
        read_edl(tmp_path / "a.edl", "ad")


def test_comskip_s_own_list(tmp_path: Path) -> None:
    path = tmp_path / "evening.txt"
    path.write_text("FILE PROCESSING COMPLETE  52632 FRAMES AT  2500\n-------------------\n1\t250\n1001   2000\n\n")
    assert read_comskip(path, "ad").all == (Span("evening", 0, 10, "ad"), Span("evening", 40, 80, "ad"))
    path.write_text("FILE PROCESSING COMPLETE  52632 FRAMES AT  29.97\n---\n2998 5994\n")
    (span,) = read_comskip(path, "ad").all
    assert (span.start, span.end) == pytest.approx((100, 200))
    path.write_text("1 250\n")
    assert read_comskip(path, "ad", rate=50).all == (Span("evening", 0, 5, "ad"),)
    for text in ("1 250\n", "", "FILE PROCESSING COMPLETE 9 FRAMES AT 0\n1 2\n"):
        path.write_text(text)
        with pytest.raises(InvalidInput, match="does not say how many frames a second there are"):
            read_comskip(path, "ad")
    path.write_text("FILE PROCESSING COMPLETE 9 FRAMES AT 2500\n---\n1 2 3\n")
    with pytest.raises(InvalidInput, match=r"evening\.txt, line 3: '1 2 3' is no break"):
        read_comskip(path, "ad")


def test_a_folder_of_lists(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "monday.edl").write_text("1 2 3\n")
    (tmp_path / "film.txt").write_text("FILE PROCESSING COMPLETE 9 FRAMES AT 2500\n---\n1 50\n")
    (tmp_path / "quiet.edl").touch()
    # Says that a program made the folder's recordings, and nothing of a recording.
    mark_synthetic(tmp_path, ("drawings",))
    spans = read_spans(tmp_path, "ad")
    assert spans.recordings == ("film", "news/monday", "quiet")
    assert spans.all == (Span("film", 0, 2, "ad"), Span("news/monday", 1, 2, "ad"))
    # An empty list is knowledge: nothing in it is an ad.
    assert spans.label_at("quiet", 5, otherwise="content") == "content"
    (tmp_path / "film.edl").touch()
    with pytest.raises(InvalidInput, match=r"film\.edl and film\.txt both say what film shows; take one away"):
        read_spans(tmp_path, "ad")


def test_what_is_no_list(tmp_path: Path) -> None:
    for name in ("gone.csv", "gone.edl", "gone.txt"):
        with pytest.raises(NotFound, match="there is no file"):
            read_spans(tmp_path / name, "ad")
    with pytest.raises(NotFound, match=r"holds no \.edl and no \.txt"):
        read_spans(tmp_path, "ad")
    with pytest.raises(InvalidInput, match=r"name it \.csv, \.edl, \.txt"):
        read_spans(tmp_path / "labels.json", "ad")
    (tmp_path / "a.edl").write_bytes(b"\xff\xfe1 2 3")
    with pytest.raises(InvalidInput, match="is not UTF-8 text"):
        read_spans(tmp_path / "a.edl", "ad")


@given(st.integers(0, 10**9))
def test_a_moment_written_either_way_is_one_moment(milliseconds: int) -> None:
    minutes, rest = divmod(milliseconds, 60_000)
    expected = milliseconds / 1000
    assert seconds_of(f"{expected:.3f}") == pytest.approx(expected, abs=1e-6)
    assert seconds_of(f"{minutes // 60}:{minutes % 60:02}:{rest / 1000:06.3f}") == pytest.approx(expected, abs=1e-6)


names = st.text(string.ascii_letters + "äß日 ,\"'/", min_size=1, max_size=9).map(str.strip).filter(bool)


@st.composite
def spans_of(
    draw: st.DrawFn, recordings: st.SearchStrategy[str] = names, labels: st.SearchStrategy[str] = names
) -> Spans:
    """Without overlaps, in milliseconds."""
    found = []
    for recording in draw(st.sets(recordings, max_size=3)):
        marks = sorted(draw(st.sets(st.integers(0, 10**7), max_size=12)))
        for start, end in zip(marks[::2], marks[1::2], strict=False):
            found.append(Span(recording, start / 1000, end / 1000, draw(labels)))
    return Spans(found)


def reading(text: str | bytes, name: str, read: Callable[[Path], Spans]) -> Spans:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(path)


@given(spans_of())
def test_a_table_that_was_written_is_read_as_it_was(spans: Spans) -> None:
    assert reading(table_text(spans), "labels.csv", read_table) == spans


@given(spans_of(st.just("a"), st.just("ad")))
def test_an_edl_that_was_written_is_read_as_it_was(spans: Spans) -> None:
    assert reading(edl_text(spans.all), "a.edl", lambda path: read_edl(path, "ad")).all == spans.all


@given(spans_of(st.just("a"), st.just("ad")), st.sampled_from([23.976, 25, 29.97, 50, 59.94]))
def test_comskip_s_list_is_read_as_it_was_to_a_frame(spans: Spans, rate: float) -> None:
    text = comskip_text(spans.all, 10**6, rate)
    back = reading(text, "a.txt", lambda path: read_comskip(path, "ad"))
    for span in spans.all:
        for moment in (span.start + 1.1 / rate, span.end - 1.1 / rate):
            if span.start + 1 / rate < moment < span.end - 1 / rate:
                assert back.label_at("a", moment) == "ad"
    assert sum(span.end - span.start for span in back.all) == pytest.approx(
        sum(span.end - span.start for span in spans.all), abs=(2 * len(spans.all) + 1) / rate
    )


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(st.sampled_from('0123456789:.#-, \t\r\n"adx'), max_size=120).map(str.encode),
        st.lists(st.sampled_from(["a,1,2,x", "a,2,1,x", "1 2 3", "#1 #9 0", "1 99", ",,,", '"', "0:0:1 7 3"])).map(
            lambda lines: ("recording,start,end,label\n" + "\n".join(lines)).encode()
        ),
        st.text(st.sampled_from("0123456789 \n-."), max_size=60).map(
            lambda text: f"FILE PROCESSING COMPLETE  9 FRAMES AT  {text}".encode()
        ),
    ),
    st.sampled_from([".csv", ".edl", ".txt"]),
)
def test_whatever_is_in_a_file_it_is_read_or_refused(data: bytes, suffix: str) -> None:
    try:
        spans = reading(data, f"a{suffix}", lambda path: read_spans(path, "ad"))
    except InvalidInput:
        return
    for span in spans.all:
        assert 0 <= span.start < span.end
        assert spans.label_at(span.recording, span.start) == span.label


@given(spans_of(), st.floats(0, 10**4))
def test_a_moment_has_the_label_of_the_span_that_holds_it(spans: Spans, seconds: float) -> None:
    for recording in spans.recordings:
        holding = [span.label for span in spans.of(recording) if span.start <= seconds < span.end]
        assert [spans.label_at(recording, seconds)] == (holding or [None])
