from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from ad_detection.audio.asking import check_folder, read_examples
from ad_detection.audio.data import InOrder, Moment, heard, input_of, kind_of, read_moments
from ad_detection.audio.hearing import RATE
from ad_detection.audio.recipe import Features, SoundSource
from ad_detection.channels.recordings import Size, write_channels
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import PcmAudio
from pipit.training.source_set import Listing


def read(folder: Path, kind: str = "recordings", window: int = 6, **rename: str) -> Listing[Moment]:
    source = SoundSource.model_validate({"kind": kind, "path": str(folder), "licence": "", "rename": rename})
    return read_moments(folder, source, Features(window=window, step=2.0))


def write(path: Path, seconds: float, value: float | None = None, rate: int = RATE) -> Path:
    """value: of every sample; None counts seconds, so that a window tells where it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    counted = np.arange(round(seconds * rate)) // rate / 100.0
    soundfile.write(path, counted if value is None else np.full(round(seconds * rate), value), rate, subtype="FLOAT")
    return path


def seconds_in(samples: np.ndarray[tuple[int], np.dtype[np.float32]] | str) -> list[int]:
    """Which seconds of `write` a window holds."""
    assert not isinstance(samples, str), samples
    return sorted({round(float(value) * 100) for value in samples})


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recorded"
    write(folder / "one/news-1.wav", 12.0)
    write(folder / "one/news-2.wav", 8.0)
    (folder / "labels.csv").write_text(
        "recording,start,end,label\none/news-1,4,8,ad\none/news-1,0:00,0:04,content\none/news-1,8,11,content\n"
        "one/news-2,0,8,content\n"
    )
    return folder


def test_a_moment_has_the_label_of_its_end_and_the_sound_before_it(recordings: Path) -> None:
    listing = read(recordings)
    assert listing.problems == ()
    found = [(m.name, m.label) for m in listing.items if "news-1" in m.name]
    assert found == [
        ("recorded/one/news-1@2", "content"),
        ("recorded/one/news-1@4", "content"),
        ("recorded/one/news-1@6", "ad"),
        ("recorded/one/news-1@8", "ad"),
        ("recorded/one/news-1@10", "content"),
    ]
    assert {(m.group, m.channel) for m in listing.items} == {("recorded/news", "one")}
    windows = [(moment.name, seconds_in(samples)) for moment, samples in heard(listing.items, 6)]
    assert windows[0] == ("recorded/one/news-1@2", [0, 1])
    assert windows[4] == ("recorded/one/news-1@10", [4, 5, 6, 7, 8, 9])
    # A window never reaches into the recording before it.
    assert windows[5] == ("recorded/one/news-2@2", [0, 1])
    assert listing.files.keys() == {"recorded/labels.csv", "recorded/one/news-1.wav", "recorded/one/news-2.wav"}


def test_between_the_spans_of_advertisements_is_content(tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    write(folder / "film.wav", 12.0)
    (folder / "film.edl").write_text("4.0\t8.0\t3\n")
    found = read(folder).items
    assert [(m.end, m.label) for m in found] == [(2.0, "content"), (4.0, "content"), (6.0, "ad"), (8.0, "ad")]


def test_films_are_heard_at_the_time_of_their_labels(tmp_path: Path) -> None:
    size = Size(channels=(2,), programmes=1, seconds=8.0, fps=Fraction(1))
    folder = write_channels(tmp_path / "films", size)
    listing = read(folder)
    assert [m.end for m in listing.items] == [2.0, 4.0, 6.0, 8.0]
    assert {(m.label, m.channel) for m in listing.items} == {("content", "channel2")}
    lengths = [len(samples) / RATE for _, samples in heard(listing.items, 6) if not isinstance(samples, str)]
    assert lengths == pytest.approx([2.0, 4.0, 6.0, 6.0], abs=0.07)


def test_labels_and_recordings_that_don_t_fit_are_named(recordings: Path) -> None:
    write(recordings / "two/extra.wav", 4.0)
    assert read(recordings).problems == (f"{recordings / 'two/extra.wav'}: nothing says what it shows",)
    (recordings / "one/news-2.wav").unlink()
    with pytest.raises(InvalidInput, match=r"labels name 1 recordings that are not there, for example one/news-2"):
        read(recordings)


def test_labels_of_a_longer_recording_are_named(recordings: Path) -> None:
    write(recordings / "one/news-1.wav", 5.0)
    report = check_folder(recordings, lambda done, total: None)
    assert len(report.problems) == 1
    assert "recorded/one/news-1@10: the recording ends before" in report.problems[0]


def test_recordings_that_can_t_be_heard_are_named(recordings: Path) -> None:
    (recordings / "one/news-2.wav").write_bytes(b"no sound at all" * 100)
    report = check_folder(recordings, lambda done, total: None)
    assert report.classes == {"ad": 1, "content": 1}
    assert any("news-2.wav can't be read" in problem for problem in report.problems)


def test_other_labels_are_refused_until_they_are_renamed(recordings: Path) -> None:
    table = recordings / "labels.csv"
    table.write_text(table.read_text().replace("ad\n", "break\n"))
    with pytest.raises(InvalidInput, match=r"labels break are neither ad nor content; .*rename: \{break: content\}"):
        read(recordings)
    # The name of what is no advertisement stays.
    assert {m.label for m in read(recordings, "recordings", 6, **{"break": "ad"}).items} == {"ad", "content"}


def session_of(folder: Path, times: Sequence[tuple[str, str]]) -> Path:
    """Clips of two seconds, each with its number as its samples; times: session and time."""
    lines = ["filename,label,session,time"]
    for number, (session, time) in enumerate(times):
        label = "ad" if number % 2 else "non-ad"
        write(folder / label / f"{number}.wav", 2.0, number / 100.0)
        lines.append(f"{label}/{number}.wav,{label},{session},2020-04-25T14:13:{time}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_clips_that_follow_on_one_another_are_joined(tmp_path: Path) -> None:
    # After the third clip lies a gap, after the fourth another session.
    times = [("0", "10.0"), ("0", "15.3"), ("0", "20.6"), ("0", "40.0"), ("1", "45.3"), ("1", "50.6")]
    folder = session_of(tmp_path / "tv", times)
    listing = read(folder, "clips", 20, **{"non-ad": "content"})
    assert [m.label for m in listing.items] == ["content", "ad"] * 3
    assert [m.group for m in listing.items] == ["tv/0"] * 4 + ["tv/1"] * 2
    joined = [seconds_in(samples) for _, samples in heard(listing.items, 20)]
    assert joined == [[0], [0, 1], [0, 1, 2], [3], [4], [4, 5]]
    # A window takes no more than it lasts.
    short = read(folder, "clips", 3, **{"non-ad": "content"})
    last = [samples for _, samples in heard(short.items, 3)][2]
    assert not isinstance(last, str)
    assert len(last) == 2 * RATE
    assert seconds_in(last) == [2]


def test_clips_are_ordered_by_their_time(tmp_path: Path) -> None:
    folder = session_of(tmp_path / "tv", [("0", "15.3"), ("0", "10.0")])
    joined = {m.name: seconds_in(s) for m, s in heard(read(folder, "clips", 20, **{"non-ad": "content"}).items, 20)}
    assert joined == {"tv/non-ad/0.wav": [0, 1], "tv/ad/1.wav": [1]}


def test_clips_may_lie_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    for name in ("ad/spot_1.wav", "ad/spot_2.wav", "content/news_1.wav"):
        write(folder / name, 2.0, 0.1)
    assert kind_of(folder) == "clips"
    found = read(folder, "clips").items
    assert [(m.label, m.group) for m in found] == [
        ("ad", "clips/ad/spot"),
        ("ad", "clips/ad/spot"),
        ("content", "clips/content/news"),
    ]


def test_clips_that_are_not_there_or_outside_are_named(tmp_path: Path) -> None:
    folder = session_of(tmp_path / "tv", [("0", "10.0")])
    with (folder / "labels.csv").open("a") as table:
        table.write("ad/none.wav,ad,0,2020-04-25T14:13:20\n../secret.wav,ad,0,2020-04-25T14:13:30\n")
    write(tmp_path / "secret.wav", 2.0, 0.1)
    problems = read(folder, "clips", 6, **{"non-ad": "content"}).problems
    assert [problem.split(": ")[1] for problem in problems] == [
        f"'ad/none.wav' is not in {folder}",
        f"'../secret.wav' is not in {folder}",
    ]
    (folder / "labels.csv").write_text("filename,label,session,time\nnon-ad/0.wav,non-ad,0,noon\n")
    with pytest.raises(InvalidInput, match="time 'noon' is none"):
        read(folder, "clips", 6, **{"non-ad": "content"})


def test_clips_too_short_to_be_heard_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    write(folder / "ad/click.wav", 0.5, 0.1)
    ((_, why),) = heard(read(folder, "clips").items, 6)
    assert why == "less than a second of sound; take it out"
    with pytest.raises(InvalidInput, match="less than a second"):
        input_of(read(folder, "clips").items[0], 6)


def test_a_check_says_what_a_level_may_give_away_and_what_is_dead(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    draw = np.random.default_rng(1)
    for name in ("ad/spot_1.wav", "content/news_1.wav", "content/dead_1.wav"):
        write(folder / name, 5.0, 0.0)
        if "dead" not in name:
            soundfile.write(folder / name, draw.normal(0.0, 0.1, 5 * RATE), RATE)
    report = check_folder(folder, lambda done, total: None)
    assert report.problems == ()
    assert report.classes == {"ad": 1, "content": 1}
    assert "2 sessions or programmes hold one label alone: their level and room may give it away" in report.notes
    assert "1 moments of dead sound are left out" in report.notes


def test_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a folder"):
        kind_of(tmp_path / "nowhere")


def test_what_a_bundle_is_asked_is_what_a_caller_would_send(recordings: Path) -> None:
    manifest = Manifest.model_construct(pipeline=type("P", (), {"parameters": {"window": 6, "hop": 1}})())
    found = read_examples(recordings, manifest)
    item = next(one for one in found.examples if one.name == "recorded/one/news-1@10").read()
    assert isinstance(item, PcmAudio)
    assert seconds_in(item.samples[:, 0]) == [4, 5, 6, 7, 8, 9]


def test_moments_may_be_asked_for_in_any_order(recordings: Path) -> None:
    moments = read(recordings).items
    wanted = dict(zip([m.name for m in moments], [s for _, s in heard(moments, 6)], strict=True))
    ask = InOrder(moments, 6)
    for place in (0, 1, 2, 4, 3, 5, 6, 0):
        item = ask(moments[place])
        assert isinstance(item, PcmAudio)
        np.testing.assert_array_equal(item.samples[:, 0], wanted[moments[place].name])
