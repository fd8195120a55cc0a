"""Films that tests make, and `collect` without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

av = pytest.importorskip("av", reason="needs the video extra")
from pipit.data.frames.collect import collect  # noqa: E402
from pipit.data.frames.folder import FrameSettings, Room  # noqa: E402
from pipit.data.frames.following import Patience  # noqa: E402
from pipit.data.frames.report import CollectOptions, Report  # noqa: E402

INTERLACED = 1 << 18 | 1 << 29
"""FFmpeg's flags for fields in coding and in motion search."""


def scene(number: int) -> NDArray[np.uint8]:
    """A picture of 96 x 64 that no other number resembles."""
    blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return blocks.repeat(16, 0).repeat(16, 1)


def film(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    *,
    rate: int = 10,
    codec: str = "libx264",
    key_every: int = 20,
    times: Iterable[float] | None = None,
    rotation: int | None = None,
    metadata: dict[str, str] | None = None,
    flags: int = 0,
) -> Path:
    """Writes a video. times: seconds of each picture, for a variable rate."""
    shown = list(pictures)
    stamps = [number / rate for number in range(len(shown))] if times is None else list(times)
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = key_every
        stream.codec_context.time_base = Fraction(1, 1000) if times is not None else Fraction(1, rate)
        stream.codec_context.flags |= flags
        if codec == "libx264":
            stream.codec_context.options = {"sc_threshold": "0", "preset": "ultrafast", "crf": "8"}
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for pixels, stamp in zip(shown, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(stamp / frame.time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@dataclass
class Collecting:
    """`collect` into one folder. What was said and how far it came stays here."""

    output: Path
    said: list[str] = field(default_factory=list)
    seen: list[tuple[str, float, float | None]] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    when_said: Callable[[str], None] = lambda _: None
    when_seen: Callable[[float], None] = lambda _: None

    def __call__(self, source: object, **wish: Any) -> Report:
        """wish: of `FrameSettings`, `Room`, `Patience` and `CollectOptions`, by the names of their fields."""
        room = Room(wish.pop("max_bytes", None), wish.pop("min_free_bytes", 0))
        patience = Patience(wish.pop("silence", 30.0), wish.pop("attempts", 3), 0.001, wish.pop("pictureless", 180.0))
        duration, insecure = wish.pop("duration", None), wish.pop("insecure", False)
        options = CollectOptions(FrameSettings(**wish), room, patience, duration, insecure)
        return collect(str(source), self.output, options, self.stop, self._advance, self._say)

    def _advance(self, recording: str, seconds: float, length: float | None) -> None:
        self.seen.append((recording, seconds, length))
        self.when_seen(seconds)

    def _say(self, message: str) -> None:
        self.said.append(message)
        self.when_said(message)


@pytest.fixture
def collecting(tmp_path: Path) -> Collecting:
    return Collecting(tmp_path / "frames")


@pytest.fixture
def make_film() -> Callable[..., Path]:
    return film


@pytest.fixture
def make_scene() -> Callable[[int], NDArray[np.uint8]]:
    return scene


@pytest.fixture
def ten_seconds(tmp_path: Path) -> Path:
    """Five scenes of two seconds each, 10 pictures a second, a key frame every two seconds."""
    (tmp_path / "films").mkdir()
    return film(tmp_path / "films" / "evening.mkv", [scene(number // 20) for number in range(100)])
