from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.data.recorded_sound import sound_of, windows_of
from pipit.errors import InvalidInput

RATE = 16_000
Sound = NDArray[np.float32]


def pulses(seconds: float, rate: int) -> Sound:
    """A tone of half a second, every two seconds."""
    times = np.arange(round(seconds * rate)) / rate
    tone = np.where(times % 2 < 0.5, 0.5 * np.sin(2 * np.pi * 700 * times), 0.0)
    return np.asarray(tone, np.float32)


def film(path: Path, sound: Sound | None, rate: int = 32_000, later: float = 0.0, *, pictures: bool = True) -> Path:
    """Pictures, two a second, and sound that begins `later`."""
    with av.open(str(path), "w") as container:
        video = audio = None
        if pictures:
            video = container.add_stream("mpeg4", rate=2)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if sound is not None:
            audio = container.add_stream("aac", rate=rate, layout="mono")
        shown, length = 0, 8.0 if sound is None else later + len(sound) / rate
        for start in range(0, 0 if sound is None else len(sound), 1024):
            while video is not None and shown / 2 <= later + start / rate:
                container.mux(video.encode(_picture(shown)))
                shown += 1
            assert sound is not None
            frame = av.AudioFrame.from_ndarray(sound[np.newaxis, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start + round(later * rate), Fraction(1, rate)
            assert audio is not None
            container.mux(audio.encode(frame))
        while video is not None and shown / 2 < length:
            container.mux(video.encode(_picture(shown)))
            shown += 1
        for stream in (audio, video):
            if stream is not None:
                container.mux(stream.encode(None))
    return path


def _picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * number % 256, np.uint8), format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, 2)
    return frame


def starts(sound: Sound) -> list[float]:
    """When tones begin."""
    loud = np.flatnonzero(np.abs(sound) > 0.2) / RATE
    first = np.concatenate([[True], np.diff(loud) > 1.0])
    return [float(start) for start in loud[first]]


def whole(path: Path) -> Sound:
    return np.concatenate(list(sound_of(path, RATE)))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_sound_keeps_the_time_of_its_pictures(tmp_path: Path, ending: str) -> None:
    found = whole(film(tmp_path / f"film.{ending}", pulses(8.0, 32_000)))
    assert len(found) / RATE == pytest.approx(8.0, abs=0.1)
    assert starts(found) == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=0.04)


def test_sound_that_begins_later_stands_later(tmp_path: Path) -> None:
    found = whole(film(tmp_path / "late.mp4", pulses(4.0, 32_000), later=3.0))
    assert starts(found) == pytest.approx([3.0, 5.0], abs=0.04)
    assert not found[: int(2.9 * RATE)].any()


def test_sound_alone_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "radio.flac"
    soundfile.write(path, np.stack([pulses(4.0, 44_100)] * 2, axis=1), 44_100)
    assert starts(whole(path)) == pytest.approx([0.0, 2.0], abs=0.01)


def test_what_is_damaged_is_silent_and_the_rest_keeps_its_time(tmp_path: Path) -> None:
    path = film(tmp_path / "damaged.ts", pulses(20.0, 32_000))
    content = bytearray(path.read_bytes())
    # Whole packets of 188 bytes, from the seventh second to the eleventh.
    first, last = (round(share * len(content) / 188) * 188 for share in (0.35, 0.55))
    content[first:last] = bytes(last - first)
    path.write_bytes(bytes(content))
    found = starts(whole(path))
    assert {0.0, 2.0, 4.0} <= {round(start) for start in found}
    assert [start for start in found if start > 12.5] == pytest.approx([14.0, 16.0, 18.0], abs=0.06)


def test_a_film_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"silent\.mp4 has no sound"):
        whole(film(tmp_path / "silent.mp4", None))


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_bytes(b"no film at all " * 100)
    with pytest.raises(InvalidInput, match=r"text\.mp4 can't be read"):
        whole(path)


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=12),
    st.lists(st.integers(0, 4000), max_size=8, unique=True),
    st.integers(1, 1500),
)
def test_windows_are_what_the_whole_would_give(lengths: Sequence[int], ends: list[int], longest: int) -> None:
    rate = 100
    sound = np.arange(sum(lengths), dtype=np.float32)
    pieces = np.split(sound, np.cumsum(lengths)[:-1])
    wanted = sorted(ends)
    found = list(windows_of(pieces, rate, [end / rate for end in wanted], longest / rate))
    there = [end for end in wanted if end <= len(sound)]
    assert [place for place, _ in found] == list(range(len(there)))
    for (_, window), end in zip(found, there, strict=True):
        np.testing.assert_array_equal(window, sound[max(0, end - longest) : end])
