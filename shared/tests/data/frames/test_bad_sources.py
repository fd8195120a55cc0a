"""Each made here, by PyAV: what is damaged, turned, woven, out of step, or no video at all."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.data.frames.manifest import read_manifest
from pipit.errors import InvalidInput

av = pytest.importorskip("av", reason="needs the video extra")

Film = Callable[..., Path]
INTERLACED = 1 << 18 | 1 << 29
"""FFmpeg's flags for fields in coding and in motion search."""


def kept(collecting: Any) -> list[tuple[float, int]]:
    """Seconds, and pictures that were lost before."""
    return [(row.seconds, row.lost) for row in read_manifest(collecting.output)]


def picture(collecting: Any, number: int) -> NDArray[np.uint8]:
    with Image.open(collecting.output / read_manifest(collecting.output)[number].file) as image:
        return np.asarray(image)


def damaged(path: Path, start: float, end: float) -> Path:
    """Noise in place of a part of a file."""
    data = bytearray(path.read_bytes())
    first, last = int(start * len(data)), int(end * len(data))
    data[first:last] = np.random.default_rng(0).bytes(last - first)
    path.write_bytes(data)
    return path


def test_what_is_no_video_leaves_the_folder_free(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    with wave.open(str(tmp_path / "sound.avi"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(16_000))
    make_film(tmp_path / "empty.ts", [make_scene(0)])
    data = (tmp_path / "empty.ts").read_bytes()
    # The tables say that there is a video; its pictures are cut off.
    (tmp_path / "empty.ts").write_bytes(data[: 188 * 4])
    (tmp_path / "nothing.mkv").touch()
    for name, problem in (
        ("text.mp4", "can't be read as video"),
        ("sound.avi", "holds no video track"),
        ("empty.ts", "holds no picture that can be read|can't be read as video"),
        ("nothing.mkv", "can't be read as video"),
    ):
        with pytest.raises(InvalidInput, match=rf"{name} ({problem})"):
            collecting(tmp_path / name)
    good = make_film(tmp_path / "good.mkv", [make_scene(0)] * 5)
    assert collecting(good).kept == 1


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_a_damaged_recording_goes_on_after_the_fault(
    collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path, suffix: str
) -> None:
    path = make_film(tmp_path / f"a{suffix}", [make_scene(number // 20) for number in range(100)])
    report = collecting(damaged(path, 0.3, 0.5), fps=10)
    rows = kept(collecting)
    assert rows[-1][0] == pytest.approx(9.9, abs=0.01)
    assert 10 <= report.lost <= 50
    # Whatever is not there was lost, to the picture.
    assert report.kept + report.lost == 100
    assert sum(lost for _, lost in rows) == report.lost
    hashes = [row.hash for row in read_manifest(collecting.output)]
    assert hashes[0] != hashes[-1]


def test_a_recording_that_is_cut_off_says_so(collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", [make_scene(number // 20) for number in range(100)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = collecting(path)
    assert 3 <= report.kept <= 7
    (note,) = report.notes
    assert note.startswith("the pictures of a end after ")
    assert note.endswith(" s, though it says that it has 10 s")


def test_no_key_frame_for_a_long_time(collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path) -> None:
    """A broadcast that is joined in the middle: for 70 s nothing can be read, and the times stay right."""
    path = make_film(tmp_path / "a.ts", [make_scene(number // 50) for number in range(800)], rate=5, key_every=375)
    data = path.read_bytes()
    starts = [at for at in range(0, len(data), 188) if data[at + 1] & 0x40 and (data[at + 1] & 0x1F) == 1]
    # From the 26th picture on: the first 5 s are gone.
    path.write_bytes(data[: 188 * 3] + data[starts[25] :])
    report = collecting(path)
    rows = kept(collecting)
    assert rows[0] == (70.0, 350)
    assert report.lost == 350
    assert len(rows) == 85
    assert rows[-1][0] == 154


def test_a_variable_rate(collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path) -> None:
    """The first picture of each second by its own clock, and no fault is seen in a gap."""
    times = [0.0, 0.04, 0.9, 1.3, 1.31, 1.99, 2.0, 6.5, 6.9, 7.25, 7.26]
    path = make_film(tmp_path / "a.mkv", [make_scene(n) for n in range(len(times))], rate=30, times=times)
    report = collecting(path)
    assert kept(collecting) == [(0.0, 0), (1.3, 0), (2.0, 0), (6.5, 0), (7.25, 0)]
    assert report.lost == 0


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_recording(collecting: Any, make_film: Film, tmp_path: Path, turns: int) -> None:
    upright = np.zeros((96, 64, 3), np.uint8)
    upright[:48, :, 0], upright[48:, :, 2] = 255, 255
    collecting(make_film(tmp_path / "a.mp4", [np.rot90(upright, -turns)] * 3, rotation=turns * 90))
    pixels = picture(collecting, 0)
    assert pixels.shape == upright.shape
    assert pixels[:40, :, 0].mean() > 200
    assert pixels[56:, :, 2].mean() > 200


@pytest.mark.parametrize("suffix", [".mpg", ".mkv"])
def test_an_interlaced_recording_shows_one_moment(
    collecting: Any, make_film: Film, tmp_path: Path, suffix: str
) -> None:
    """A bright bar that moves between the fields: woven, its edge is a comb."""
    woven = np.zeros((64, 96, 3), np.uint8)
    woven[0::2, 16:40], woven[1::2, 48:72] = 255, 255
    path = make_film(tmp_path / f"a{suffix}", [woven] * 30, rate=25, codec="mpeg2video", flags=INTERLACED)
    report = collecting(path)
    assert report.interlaced
    assert report.notes == ["it is interlaced: of each picture one field was kept, with its lines doubled"]
    pixels = picture(collecting, 0)[..., 1].astype(int)
    assert pixels.shape == (64, 96)
    comb = np.abs(np.diff(pixels[8:56], axis=0)).mean()
    assert comb < 20 < np.abs(np.diff(woven[8:56, :, 1].astype(int), axis=0)).mean()
    bars = pixels[8:56, 20:36].mean(), pixels[8:56, 52:68].mean()
    assert max(bars) > 200
    assert min(bars) < 55


def test_two_recordings_put_together(collecting: Any, make_film: Film, make_scene: Any, tmp_path: Path) -> None:
    """Its clock begins anew in the middle; seconds go on, and an interruption behind the seam loses nothing."""
    parts = [make_film(tmp_path / f"{n}.ts", [make_scene(n)] * 50) for n in range(2)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    collecting.when_seen = lambda now: collecting.stop.set() if now > 7.5 else None
    assert collecting(path).ended == "stopped"
    collecting.stop.clear()
    collecting.when_seen = lambda _: None
    collecting(path)
    rows = read_manifest(collecting.output)
    assert [row.seconds for row in rows] == pytest.approx([*range(10)], abs=0.11)
    assert [row.scene for row in rows] == [0] * 5 + [1] * 5
