from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import InvalidInput

av = pytest.importorskip("av", reason="needs the video extra")
from pipit.inputs.video import read_frames  # noqa: E402


def halves(width: int, height: int) -> NDArray[np.uint8]:
    """The upper half red, the lower blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, :, 0], pixels[height // 2 :, :, 2] = 255, 255
    return pixels


def write(path: Path, pictures: list[NDArray[np.uint8]], rate: int = 10, rotation: int | None = None) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode())
    return path


def red(pixels: NDArray[np.uint8]) -> bool:
    return bool(pixels[..., 0].mean() > 150 and pixels[..., 2].mean() < 100)


def test_frames_and_their_times(tmp_path: Path) -> None:
    frames = list(read_frames(write(tmp_path / "a.mp4", [halves(64, 48)] * 7)))
    assert [frame.seconds for frame in frames] == pytest.approx([step / 10 for step in range(7)])
    assert {frame.pixels.shape for frame in frames} == {(48, 64, 3)}
    assert frames[0].pixels.dtype == np.uint8
    assert red(frames[0].pixels[:20])
    assert not red(frames[0].pixels[28:])


@pytest.mark.parametrize(("rate", "kept"), [(5.0, [0, 2, 4, 6]), (4.0, [0, 3, 5]), (100.0, list(range(7))), (0.5, [0])])
def test_no_more_frames_than_asked_for(tmp_path: Path, rate: float, kept: list[int]) -> None:
    path = write(tmp_path / "a.mkv", [halves(64, 48)] * 7)
    assert [round(frame.seconds * 10) for frame in read_frames(path, rate)] == kept


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_phone_held_otherwise(tmp_path: Path, turns: int) -> None:
    """Stored lying, with a note how to turn it: a quarter counter-clockwise, once or several times."""
    upright = halves(64, 96)
    path = write(tmp_path / "a.mp4", [np.rot90(upright, -turns)] * 3, rotation=turns * 90)
    frame = next(read_frames(path))
    assert frame.pixels.shape == upright.shape
    assert red(frame.pixels[:40])
    assert not red(frame.pixels[56:])


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(InvalidInput, match=r"text\.mp4 can't be read as video"):
        next(read_frames(tmp_path / "text.mp4"))
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InvalidInput, match="no video track"):
        next(read_frames(tmp_path / "sound.mp4"))


def test_what_is_no_video_and_what_is_left_early_is_closed(tmp_path: Path) -> None:
    def held(path: Path) -> bool:
        descriptors = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
        return any(entry.exists() and entry.resolve() == path for entry in descriptors)

    film = write(tmp_path / "a.mkv", [halves(64, 48)] * 7)
    frames = read_frames(film)
    next(frames)
    assert held(film)
    frames.close()  # type: ignore[attr-defined]
    assert not held(film)
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8_000)
        recording.writeframes(bytes(16_000))
    with pytest.raises(InvalidInput, match="no video track") as caught:
        next(read_frames(sound))
    assert not held(sound)
    assert caught.value.args


def test_interlaced_frames_show_one_moment(tmp_path: Path) -> None:
    """Black in one field and white in the other: the picture is one of them, not stripes."""
    woven = np.zeros((64, 96, 3), np.uint8)
    woven[1::2] = 255
    path = tmp_path / "a.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.flags |= 1 << 18 | 1 << 29  # FFmpeg's flags for fields
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(woven, format="rgb24")))
        container.mux(stream.encode())
    for frame in read_frames(path):
        assert frame.pixels.shape == (64, 96, 3)
        assert np.ptp(frame.pixels.mean(axis=(1, 2))) < 10
