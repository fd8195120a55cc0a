"""What recordings of made-up channels hold: their grammar, their pictures and their sound."""

from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from ad_detection.channels.grammar import KINDS, LONGEST_BREAK, SHORTEST_BREAK, Part, frame_at, make_parts
from ad_detection.channels.looks import make_channel
from ad_detection.channels.recordings import FITTING, TEST, TRAINING, UNSEEN, Size, changed, read_kinds, write_channels
from ad_detection.channels.sound import sound_of
from ad_detection.channels.voices import RATE, Sound
from ad_detection.measure import AD, CONTENT
from pipit.cli.exit_codes import ExitCode
from pipit.cli.main import app
from pipit.data.frames.naming import programme_of
from pipit.data.spans.read import read_spans
from pipit.errors import InvalidInput
from pipit.inputs.video import read_frames
from typer.testing import CliRunner

SHORT = Size(channels=(2,), programmes=1, episodes=2, seconds=20.0, fps=Fraction(2))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_channels(tmp_path_factory.mktemp("recordings"), SHORT)


def breaks(parts: tuple[Part, ...]) -> list[tuple[Part, ...]]:
    """Whole ones alone."""
    contents = [place for place, part in enumerate(parts) if part.label == CONTENT]
    return [parts[first + 1 : after] for first, after in pairwise(contents) if after > first + 1]


@pytest.mark.parametrize("channel", [1, 7, 51, 101])
def test_breaks_are_as_long_as_they_say(channel: int) -> None:
    parts = make_parts(channel, 0, 4000.0)
    assert parts[0].start == parts[0].sound_start == 0.0
    assert parts[-1].end == parts[-1].sound_end == 4000.0
    assert all(one.end == other.start and one.sound_end == other.sound_start for one, other in pairwise(parts))
    found = breaks(parts)
    assert len(found) > 6
    for inside in found:
        assert SHORTEST_BREAK <= inside[-1].end - inside[0].start <= LONGEST_BREAK
        spots = [part for part in inside if part.kind != "promotion"]
        assert {round(part.end - part.start) for part in spots} <= {15, 30, 60}


def test_sound_leads_into_breaks_and_picture_leads_out() -> None:
    into, out = [], []
    for channel in TRAINING:
        for inside in breaks(make_parts(channel, 1, 4000.0)):
            into.append(inside[0].start - inside[0].sound_start)
            out.append(inside[-1].sound_end - inside[-1].end)
    for leads in (into, out):
        assert 0.0 <= min(leads) < 1e-9
        assert 1.0 < np.mean(leads) < 1.5
        assert max(leads) <= 3.0


def test_every_kind_is_there_and_uses_of_channels_have_none_in_common() -> None:
    shown = {part.kind for channel in TRAINING for p in range(3) for part in make_parts(channel, p, 2000.0)}
    assert shown == set(KINDS)
    uses = [*TRAINING, *TEST, *FITTING, *UNSEEN]
    assert len(uses) == len(set(uses))
    seeds = [
        {seed for part in make_parts(channel, 0, 4000.0) for seed in (part.seed, part.brand) if seed}
        for channel in uses
    ]
    assert all(one.isdisjoint(other) for place, one in enumerate(seeds) for other in seeds[:place])


def test_episodes_differ_and_keep_their_programme() -> None:
    one, other = (make_parts(3, 0, 2000.0, episode) for episode in (0, 1))
    assert [part.end for part in one] != [part.end for part in other]
    assert {part.seed for part in one + other if part.kind == "programme"} == {3000}
    channel = make_channel(3)
    # The same stretch of time, as a split by recording would have it on two sides.
    both = [(replace(one[0], episode=number, end=8.0, sound_end=8.0),) for number in (0, 1)]
    seen = [frame_at(channel, parts, 4.0).astype(float) for parts in both]
    assert np.abs(seen[0] - seen[1]).mean() > 5.0
    heard = [sound_of(channel, parts) for parts in both]
    assert abs(np.corrcoef(heard[0], heard[1])[0, 1]) < 0.5


def test_without_its_logo_a_channel_differs_in_the_logo_alone() -> None:
    channel, parts = make_channel(3), make_parts(3, 0, 150.0)
    pairs = [(frame_at(channel, parts, t), frame_at(channel, parts, t, logo=False)) for t in range(0, 140, 10)]
    places = [np.argwhere((one != other).any(axis=2)) for one, other in pairs]
    assert any(len(found) for found in places)
    for found in places:
        height, width = np.ptp(found, axis=0) if len(found) else (0, 0)
        assert height < 40
        assert width < 100


def level(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def test_loudness_alone_does_not_tell_spots_from_content() -> None:
    levels: dict[str, list[float]] = {AD: [], CONTENT: []}
    for number in TRAINING[:3]:
        parts = make_parts(number, 0, 700.0)
        sound = sound_of(make_channel(number), parts)
        assert sound.shape == (700 * RATE,)
        assert np.abs(sound).max() <= 1.0
        for part in parts:
            piece = sound[round(part.sound_start * RATE) : round(part.sound_end * RATE)]
            if len(piece) > RATE:
                levels[part.label].append(level(piece))
    assert np.mean(levels[AD]) > np.mean(levels[CONTENT])
    # Some content is louder than half of the advertisements, and the other way round.
    assert np.percentile(levels[CONTENT], 90) > np.median(levels[AD]) - 1.0
    assert np.percentile(levels[AD], 25) < np.percentile(levels[CONTENT], 75)


def test_a_spot_sounds_the_same_when_it_comes_again() -> None:
    channel = make_channel(4)
    spot = Part(0.0, 15.0, "spot", 4701, 0.0, 15.0)
    later = Part(15.0, 30.0, "spot", 4701, 15.0, 30.0)
    sound = sound_of(channel, (spot, later))
    first, second = sound[RATE : 14 * RATE], sound[16 * RATE : 29 * RATE]
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_recordings_have_picture_and_sound_of_one_length(recordings: Path) -> None:
    paths = sorted(recordings.glob("*/*.mp4"))
    assert [path.relative_to(recordings).as_posix() for path in paths] == [
        "channel2/film_2_0-1.mp4",
        "channel2/film_2_0-2.mp4",
    ]
    for path in paths:
        frames = list(read_frames(path))
        assert [frame.seconds for frame in frames] == [number / 2 for number in range(40)]
        assert frames[0].pixels.shape == (180, 320, 3)
        with av.open(str(path)) as container:
            (track,) = container.streams.audio
            assert (track.rate, track.layout.name) == (RATE, "mono")
            heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(track)])
        assert len(heard) / RATE == pytest.approx(20.0, abs=0.2)


def test_the_film_shows_and_sounds_as_it_was_made(recordings: Path) -> None:
    channel, parts = make_channel(2), make_parts(2, 0, 20.0)
    path = recordings / "channel2" / "film_2_0-1.mp4"
    for frame in list(read_frames(path))[::7]:
        wanted = frame_at(channel, parts, frame.seconds).astype(float)
        assert np.abs(frame.pixels - wanted).mean() < 8.0
    with av.open(str(path)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    wanted_sound = sound_of(channel, parts)
    length = min(len(heard), len(wanted_sound))
    assert np.corrcoef(heard[:length], wanted_sound[:length])[0, 1] > 0.9


def test_labels_and_truth_name_the_recordings(recordings: Path) -> None:
    spans = read_spans(recordings / "labels.csv", AD)
    assert spans.recordings == ("channel2/film_2_0-1", "channel2/film_2_0-2")
    assert {programme_of(name) for name in spans.recordings} == {("channel2", "film_2_0")}
    with (recordings / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    kinds = read_kinds(recordings)
    for row in rows:
        middle = (float(row["start"]) + float(row["end"])) / 2
        assert spans.label_at(row["recording"], middle) == row["label"] == KINDS[row["kind"]]
        assert kinds.label_at(row["recording"], middle) == row["kind"]
    assert "nothing of it was ever broadcast" in (recordings / "SYNTHETIC.txt").read_text()


def test_the_same_size_gives_the_same_files(recordings: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    write_channels(tmp_path, SHORT, lambda count, total: done.append((count, total)))
    assert done == [(20, 40), (40, 40)]
    one, other = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (recordings, tmp_path)
    )
    assert one == other


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    write_channels(tmp_path, Size(channels=(1,), programmes=1, seconds=4.0, fps=Fraction(1, 2), sound=False))
    with av.open(str(next(tmp_path.glob("*/*.mp4")))) as container:
        assert not container.streams.audio
        assert [frame.time for frame in container.decode(video=0)] == [0.0, 2.0]


def test_the_command_makes_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The command sets logging up for its whole process, which here goes on after it.
    sizes = ("channels=[2]", "programmes=1", "episodes=2", "seconds=20", "fps=1/2", "logo=false")
    options = ["--to", str(tmp_path), *(part for size in sizes for part in ("--set", size))]
    arguments = ["data", "synthesise", "ad_detection.channels", *options]
    called = CliRunner().invoke(app, arguments, prog_name="pipit")
    assert called.exit_code == 0, called.output
    assert len(list((tmp_path / "synthetic_channels").glob("channel2/*.mp4"))) == 2
    assert len(list(read_frames(tmp_path / "synthetic_channels" / "channel2" / "film_2_0-1.mp4"))) == 10
    again = CliRunner().invoke(app, arguments, prog_name="pipit")
    assert again.exit_code == ExitCode.CONFLICT
    assert "is there already, of whatever size" in again.output
    # It is no task: there is nothing to train.
    assert "pipit train" not in called.output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"minutes": 3}, "channels know no minutes; what can be set is channels, programmes, kinds"),
        ({"seconds": "long"}, "seconds: Input should be a valid number"),
        ({"seconds": 0}, "seconds more than 0"),
        ({"fps": 1000}, "fps at most 100"),
        ({"fps": 29.97}, "29.97 is too fine for a film's clock; write a fraction, as in 30000/1001"),
        ({"channels": []}, "there is nothing to make"),
        ({"channels": [-1]}, "channels are numbers from 0 on"),
        ({"kinds": ["opera"]}, "of programmes there are studio, pitch, film, street"),
    ],
)
def test_what_can_not_be_made_is_said(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        changed(Size(), changes)
    assert changed(Size(), {"fps": "1/5", "channels": [3]}) == Size(fps=Fraction(1, 5), channels=(3,))
