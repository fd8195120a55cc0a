from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipit.data.frames.manifest import MANIFEST, append_row, read_manifest
from pipit.data.frames.naming import programme_of
from pipit.data.synthetic import mark_synthetic, synthetic_among
from pipit.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Unavailable
from pipit.files import beside
from pipit.locks import exclusive_lock

Film = Callable[..., Path]


def files(folder: Path) -> dict[str, bytes]:
    """Pictures and manifest, but not the lock and what was done when."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in {".jpg", ".csv"}
    }


def seconds(folder: Path) -> list[float]:
    return [row.seconds for row in read_manifest(folder)]


def test_pictures_named_by_recording_and_time(collecting: Any, ten_seconds: Path) -> None:
    report = collecting(ten_seconds, programme="news", channel="one")
    assert (report.kept, report.alike, report.recordings, report.lost, report.ended) == (10, 0, 1, 0, "end")
    rows = read_manifest(collecting.output)
    assert [row.file for row in rows[:2]] == ["evening/evening_00-00-00.000.jpg", "evening/evening_00-00-01.000.jpg"]
    assert {(row.recording, row.programme, row.channel, row.time) for row in rows} == {("evening", "news", "one", "")}
    assert [row.seconds for row in rows] == list(range(10))
    assert [row.scene for row in rows] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert {path.name for path in (collecting.output / "evening").iterdir()} == {Path(row.file).name for row in rows}
    with Image.open(collecting.output / rows[3].file) as picture:
        assert picture.size == (96, 64)
    assert collecting.seen[-1] == ("evening", 9.9, 10.0)


@pytest.mark.parametrize(
    ("recording", "programme", "channel"),
    [
        ("one/news-12", "news", "one"),
        ("one/2026/late news_3", "late news", "one"),
        ("evening", "evening", ""),
        ("one/24", "24", "one"),
        ("one/studio 54-1", "studio 54", "one"),
    ],
)
def test_paths_say_channel_and_programme(recording: str, programme: str, channel: str) -> None:
    assert programme_of(recording) == (channel, programme)


def test_a_folder_of_channels(collecting: Any, ten_seconds: Path, tmp_path: Path) -> None:
    for name in ("one/news-1", "one/news-2", "two/film"):
        place = tmp_path / "recordings" / f"{name}.mp4"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ten_seconds, place)
    collecting(tmp_path / "recordings", by_path=True, duration=1.0)
    found = [(row.recording, row.programme, row.channel) for row in read_manifest(collecting.output)]
    assert found == [("one/news-1", "news", "one"), ("one/news-2", "news", "one"), ("two/film", "film", "two")]


def test_what_shows_no_change_is_left_out(collecting: Any, ten_seconds: Path) -> None:
    report = collecting(ten_seconds, fps=2, changes_only=True)
    assert (report.kept, report.alike) == (5, 15)
    assert seconds(collecting.output) == [0, 2, 4, 6, 8]
    assert [row.scene for row in read_manifest(collecting.output)] == [0, 1, 2, 3, 4]


def test_large_pictures_are_made_smaller(collecting: Any, ten_seconds: Path) -> None:
    collecting(ten_seconds, longest_side=48, duration=2.0)
    assert seconds(collecting.output) == [0, 1]
    with Image.open(collecting.output / read_manifest(collecting.output)[0].file) as picture:
        assert picture.size == (48, 32)


@pytest.mark.parametrize("changes_only", [False, True])
@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4", ".h264"])
def test_an_interrupted_run_ends_as_one_in_one_go(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path, suffix: str, changes_only: bool
) -> None:
    path = make_film(tmp_path / f"a{suffix}", [make_scene(number // 25) for number in range(100)], key_every=50)
    collecting(path, fps=3, changes_only=changes_only)
    whole = files(collecting.output)
    shutil.rmtree(collecting.output)
    stopped = 0
    for end in (0.5, 2.0, 3.1, 3.2, 3.5):
        collecting.stop = Event()
        collecting.when_seen = lambda now, end=end: collecting.stop.set() if now >= end else None
        report = collecting(path, fps=3, changes_only=changes_only)
        assert report.ended == "stopped"
        stopped += report.kept
    collecting.stop, collecting.when_seen = Event(), lambda _: None
    last = collecting(path, fps=3, changes_only=changes_only)
    assert files(collecting.output) == whole
    assert stopped + last.kept == len(whole) - 1
    again = collecting(path, fps=3, changes_only=changes_only)
    assert (again.kept, again.done_before) == (0, 1)


@pytest.mark.parametrize("cut", [1, 20, 70])
def test_a_torn_last_line_and_a_picture_without_a_line_are_mended(collecting: Any, ten_seconds: Path, cut: int) -> None:
    collecting(ten_seconds, duration=6.0)
    whole = files(collecting.output)
    manifest = collecting.output / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-cut] + b"\0\0\0")
    unfinished = beside(collecting.output / "evening" / "evening_00-00-06.000.jpg")
    unfinished.touch()
    collecting(ten_seconds, duration=6.0)
    assert files(collecting.output) == whole
    assert not unfinished.exists()


def test_a_recording_that_grows_is_gone_on_with(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path
) -> None:
    path = make_film(tmp_path / "all.ts", [make_scene(number // 20) for number in range(100)])
    data = path.read_bytes()
    growing = tmp_path / "growing.ts"
    growing.write_bytes(data[: len(data) // 2 // 188 * 188])
    first = collecting(growing)
    growing.write_bytes(data)
    second = collecting(growing)
    assert first.kept in (4, 5)
    assert first.kept + second.kept == 10
    assert seconds(collecting.output) == list(range(10))


def test_a_folder_with_a_bad_file_and_odd_names(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    (folder / "sub").mkdir(parents=True)
    odd = ["a", "sub/a", "-o file:x %03d", "Nachrichten ä é 日本", "x\ny", "w" * 200, 'with,comma"quote']
    for number, name in enumerate(odd):
        make_film(folder / f"{name}.mkv", [make_scene(number)] * 5)
    (folder / "broken.mp4").write_text("no")
    (folder / "notes.txt").write_text("no video")
    report = collecting(folder)
    assert (report.kept, report.recordings) == (len(odd), len(odd))
    assert list(report.problems) == ["broken"]
    assert "broken.mp4 can't be read as video" in report.problems["broken"]
    rows = read_manifest(collecting.output)
    assert {row.recording for row in rows} == {*odd} - {"x\ny"} | {"x\\ny"}
    assert all((collecting.output / row.file).is_file() for row in rows)
    assert len({row.file for row in rows}) == len(odd)
    assert collecting(folder).done_before == len(odd)


def test_two_files_that_would_be_one_recording(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for suffix in (".mkv", ".ts"):
        make_film(folder / f"a{suffix}", [make_scene(0)] * 5)
    with pytest.raises(InvalidInput, match=r"a\.mkv and a\.ts would be one recording; give one another name"):
        collecting(folder)


def test_an_output_that_belongs_to_something_else(
    collecting: Any, ten_seconds: Path, make_film: Film, make_scene: Any, tmp_path: Path
) -> None:
    collecting(ten_seconds, duration=1.0)
    before = files(collecting.output)
    other = make_film(tmp_path / "other.mkv", [make_scene(9)] * 5)
    with pytest.raises(AlreadyExists, match=r"holds frames of another source, evening\.mkv; name a new folder"):
        collecting(other)
    shutil.copy(other, ten_seconds)
    with pytest.raises(InvalidInput, match=r"evening\.mkv is another recording than the one whose frames are in"):
        collecting(ten_seconds)
    with pytest.raises(InvalidInput, match=r"was begun with fps 1\.0, not 2; go on with that, or name a new folder"):
        collecting(ten_seconds, fps=2)
    assert files(collecting.output) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    collecting.output = tmp_path / "full"
    with pytest.raises(AlreadyExists, match="holds something else already"):
        collecting(other)
    assert [path.name for path in collecting.output.iterdir()] == ["letter.txt"]


def test_one_collector_at_a_time(collecting: Any, ten_seconds: Path) -> None:
    collecting.output.mkdir()
    with exclusive_lock(collecting.output / ".lock"), pytest.raises(Conflict, match="another process collects frames"):
        collecting(ten_seconds)
    assert collecting(ten_seconds).kept == 10


def test_the_budget_ends_it_and_a_larger_one_goes_on(collecting: Any, ten_seconds: Path) -> None:
    collecting(ten_seconds)
    whole = files(collecting.output)
    shutil.rmtree(collecting.output)
    pictures = [data for name, data in sorted(whole.items()) if name.endswith(".jpg")]
    report = collecting(ten_seconds, max_bytes=sum(map(len, pictures[:4])))
    assert (report.kept, report.ended) == (4, "budget")
    assert "run again with a larger --max-gib" in report.notes[0]
    assert collecting(ten_seconds).kept == 6
    assert files(collecting.output) == whole


def test_the_disk_is_never_filled(collecting: Any, ten_seconds: Path) -> None:
    with pytest.raises(Unavailable, match=r"are to stay free \(--min-free-gib\); make room and run again"):
        collecting(ten_seconds, min_free_bytes=1 << 60)
    assert collecting(ten_seconds).kept == 10


@pytest.mark.parametrize("what", ["picture", "line"])
def test_a_full_disk(collecting: Any, ten_seconds: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    collecting(ten_seconds)
    whole = files(collecting.output)
    shutil.rmtree(collecting.output)
    written = 0

    def full(*arguments: Any) -> None:
        nonlocal written
        written += 1
        if written > 3:
            raise Unavailable("x.jpg can't be written: No space left on device; free some space and try again")
        real(*arguments)

    place = f"pipit.data.frames.folder.{'write_atomically' if what == 'picture' else 'append_row'}"
    if what == "line":
        real: Callable[..., None] = append_row
    else:
        from pipit.files import write_atomically as real
    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(Unavailable, match="No space left on device; free some space"):
            collecting(ten_seconds)
    assert len(seconds(collecting.output)) < 10
    collecting(ten_seconds)
    assert files(collecting.output) == whole


def test_what_is_no_source(collecting: Any, tmp_path: Path) -> None:
    for source in ("nowhere.mp4", str(tmp_path / "a" / "b")):
        with pytest.raises(NotFound, match="there is no file or folder"):
            collecting(source)
    with pytest.raises(InvalidInput, match="gopher:// can't be read; give a file, a folder, a device, or one of http"):
        collecting("gopher://tv.local/one")
    with pytest.raises(NotFound, match="there is no file or folder"):
        collecting("x" * 300)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match=r"holds no video; taken are \.avi"):
        collecting(tmp_path / "empty")
    assert not collecting.output.exists()


def test_a_folder_that_can_not_be_made(collecting: Any, ten_seconds: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        collecting.output = output
        with pytest.raises(InvalidInput, match=r"can't be made: .*; name another folder with --output"):
            collecting(ten_seconds)


def test_impossible_wishes(collecting: Any, ten_seconds: Path) -> None:
    for wish in ({"fps": 0}, {"fps": float("nan")}, {"duration": 0}, {"programme": "two\nlines"}, {"channel": " one"}):
        with pytest.raises(InvalidInput, match="; give "):
            collecting(ten_seconds, **wish)


def test_the_time_on_the_wall_where_the_file_says_it(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path
) -> None:
    began = {"creation_time": "2026-03-29T00:59:59.000000Z"}
    collecting(make_film(tmp_path / "a.mp4", [make_scene(0)] * 20, metadata=began))
    assert [row.time for row in read_manifest(collecting.output)] == [
        "2026-03-29T00:59:59.000Z",
        "2026-03-29T01:00:00.000Z",
    ]


def test_a_camera_until_it_ends(collecting: Any) -> None:
    """FFmpeg's test picture at its own pace stands in for one. Each run is a recording."""
    source = "lavfi:testsrc=size=64x48:rate=20:duration=3,realtime"
    report = collecting(source, fps=4)
    assert (report.is_live, report.ended, report.recordings) == (True, "end", 1)
    rows = read_manifest(collecting.output)
    assert len(rows) == report.kept >= 2
    assert rows[0].seconds == 0
    assert all(row.time > "2026" for row in rows)
    times = np.diff([row.seconds for row in rows])
    assert (times >= 0.249).all()
    assert len({row.recording for row in rows}) == 1


def test_a_camera_until_somebody_ends_it_or_time_is_over(collecting: Any) -> None:
    source = "lavfi:testsrc=size=64x48:rate=20,realtime"
    assert collecting(source, fps=20, duration=0.5).ended == "duration"
    assert max(seconds(collecting.output)) < 0.5
    collecting.when_seen = lambda now: collecting.stop.set() if now > 0.3 else None
    report = collecting(source, fps=20)
    assert (report.ended, report.is_live) == ("stopped", True)
    assert report.kept > 1


def test_a_camera_that_is_not_there(collecting: Any) -> None:
    with pytest.raises(Unavailable, match="is it there, and is it free"):
        collecting("/dev/video99")


def test_frames_of_synthetic_films_are_known_for_it(collecting: Any, ten_seconds: Path) -> None:
    collecting(ten_seconds)
    assert synthetic_among([collecting.output]) == ()
    mark_synthetic(ten_seconds, ("made-up channels",))
    collecting(ten_seconds)
    rows = read_manifest(collecting.output)
    assert synthetic_among([collecting.output / rows[0].file]) == ("made-up channels",)
