from __future__ import annotations

import itertools
import threading
import wave
from pathlib import Path

import pytest
from pipit.errors import InvalidInput, Unavailable

av = pytest.importorskip("av", reason="needs the video extra")
from pipit.inputs.camera import Camera, source_of  # noqa: E402

FILM = "lavfi:testsrc=size=64x48:rate={rate}:duration={seconds},realtime"
"""FFmpeg's test picture at its own pace stands in for a camera."""


@pytest.mark.parametrize(
    ("camera", "system", "source"),
    [
        ("0", "linux", ("v4l2", "/dev/video0")),
        ("2", "darwin", ("avfoundation", "2")),
        ("/dev/video3", "linux", ("v4l2", "/dev/video3")),
        ("dshow:video=USB Camera", "win32", ("dshow", "video=USB Camera")),
    ],
)
def test_cameras_by_the_names_that_people_give_them(camera: str, system: str, source: tuple[str, str]) -> None:
    assert source_of(camera, system) == source


@pytest.mark.parametrize(
    ("camera", "system"), [("0", "win32"), ("front", "linux"), (":x", "linux"), ("v4l2:", "linux")]
)
def test_what_names_no_camera(camera: str, system: str) -> None:
    with pytest.raises(InvalidInput, match="FORMAT:SOURCE"):
        source_of(camera, system)


def test_pictures_come_with_their_times_until_the_end() -> None:
    with Camera(FILM.format(rate=20, seconds=1)) as camera:
        frames = list(camera.frames())
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds)
    assert len(frames) + camera.left_out == 20
    assert frames[0].pixels.shape == (48, 64, 3)


def test_whoever_is_slow_misses_pictures_and_sees_the_newest() -> None:
    with Camera(FILM.format(rate=100, seconds=600)) as camera:
        frames = camera.frames()
        first = next(frames)
        before, pause = camera.left_out, threading.Event()
        while camera._newest is None or camera._newest[0] <= camera._given + 50:
            pause.wait(0.01)
        newest = camera._newest[1]
        second = next(frames)
        assert second.seconds >= newest > first.seconds
        assert camera.left_out - before >= 50


def test_no_more_pictures_than_asked_for() -> None:
    with Camera(FILM.format(rate=50, seconds=600)) as camera:
        seconds = [frame.seconds for frame in itertools.islice(camera.frames(rate=4), 4)]
    assert len(seconds) == 4
    assert all(later - earlier >= 0.25 for earlier, later in itertools.pairwise(seconds))


def test_a_camera_that_can_not_be_opened() -> None:
    for name in ("v4l2:/dev/video99", "smell:0"):
        with pytest.raises(Unavailable, match=r"can't be opened: .*; is it there, and is it free"):
            Camera(name)


def open_files() -> set[str]:
    """What this process holds open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(descriptor.readlink()))
        except FileNotFoundError:  # that of the listing itself
            continue
    return found


def test_what_gives_no_pictures_is_let_go(tmp_path: Path) -> None:
    """A recording stands in for a device without a picture. Whoever keeps the error keeps no device."""
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(16_000))
    with pytest.raises(InvalidInput, match="gives no pictures") as caught:
        Camera(f"wav:{path}")
    assert str(path) not in open_files()
    assert caught.value.args


def test_a_camera_that_was_left_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    with Camera(f"avi:{path}") as camera:
        assert str(path) in open_files()
        next(camera.frames())
    assert str(path) not in open_files()
