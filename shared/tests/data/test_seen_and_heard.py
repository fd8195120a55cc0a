"""Pictures and sound of one container, with one clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

av = pytest.importorskip("av", reason="needs the video extra")
from pipit.data.frames.sources import open_file  # noqa: E402
from pipit.data.seen_and_heard import Heard, Seen, SeenAndHeard  # noqa: E402
from pipit.data.spans.chapters import Chapter, chapters_text  # noqa: E402
from pipit.errors import InvalidInput  # noqa: E402

RATE = 16_000


def write(path: Path, seconds: float, sounds: dict[float, NDArray[np.float32]], *, pictures: bool = True) -> Path:
    """10 pictures a second, and pieces of sound by the second at which each begins."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10) if pictures else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono") if sounds else None
        for number in range(round(seconds * 10) if video is not None else 0):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 200, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode(None))
        for start, samples in sounds.items():
            for place in range(0, len(samples), 1600):
                piece = (samples[np.newaxis, place : place + 1600] * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, round(start * RATE) + place
                container.mux(audio.encode(frame))
        if audio is not None:
            container.mux(audio.encode(None))
    return path


def read(path: Path, fps: float = 1.0) -> tuple[list[Seen], list[Heard], SeenAndHeard]:
    with open_file(path, path.name) as container:
        source = SeenAndHeard(container, path.name, fps, RATE)
        came = list(source)
    return [one for one in came if isinstance(one, Seen)], [one for one in came if isinstance(one, Heard)], source


def joined(heard: list[Heard]) -> NDArray[np.float32]:
    return np.concatenate([one.samples for one in heard])


def noise(seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)


def test_pictures_come_as_often_as_asked_and_sound_keeps_its_time(tmp_path: Path) -> None:
    sound = noise(5.0)
    seen, heard, source = read(write(tmp_path / "a.mkv", 5.0, {0.0: sound}))
    assert [one.seconds for one in seen] == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0], abs=0.01)
    assert seen[0].pixels.shape == (48, 64, 3)
    found = joined(heard)
    assert len(found) == len(sound)
    np.testing.assert_allclose(found, sound, atol=1e-4)
    assert heard[-1].seconds == 5.0
    assert (source.pictures, source.rate, source.faults) == (50, 10.0, 0)
    assert source.end == pytest.approx(5.0, abs=0.01)


def test_what_is_missing_is_silence(tmp_path: Path) -> None:
    first, second = noise(1.0), noise(2.0)
    _, heard, _ = read(write(tmp_path / "a.mkv", 8.0, {1.0: first, 4.0: second}))
    found = joined(heard)
    assert len(found) == 6 * RATE
    assert not found[:RATE].any()
    np.testing.assert_allclose(found[RATE : 2 * RATE], first, atol=1e-4)
    assert not found[2 * RATE + 100 : 4 * RATE - 100].any()
    np.testing.assert_allclose(found[4 * RATE :], second, atol=1e-4)


def test_either_alone_is_enough_and_none_is_refused(tmp_path: Path) -> None:
    seen, heard, source = read(write(tmp_path / "silent.mkv", 2.0, {}))
    assert (len(seen), heard, source.hears, source.sees) == (2, [], False, True)
    seen, heard, source = read(write(tmp_path / "radio.mkv", 0.0, {0.0: noise(2.0)}, pictures=False))
    assert (seen, len(joined(heard)), source.hears, source.sees) == ([], 2 * RATE, True, False)
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    with pytest.raises(InvalidInput, match="holds neither pictures nor sound"):
        read(words)


def test_chapters_are_read_back_by_ffmpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.ffmeta"
    path.write_text(chapters_text([Chapter(0.0, 83.5, "Eins; \\ zwei = #3"), Chapter(83.5, 90.25, "Zwei")]))
    with av.open(str(path), format="ffmetadata") as container:
        found = container.chapters()
    assert [one["metadata"]["title"] for one in found] == ["Eins; \\ zwei = #3", "Zwei"]
    assert [float(one["end"] * one["time_base"]) for one in found] == [83.5, 90.25]
    with pytest.raises(InvalidInput, match="it ends after it begins"):
        Chapter(3.0, 3.0, "none")
