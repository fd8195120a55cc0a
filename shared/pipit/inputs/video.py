"""Video files to RGB pictures, by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs.frame import Frame

_LONGEST_SIDE = 8_192
_GRACE = 0.0005
"""Seconds: time stamps are rounded."""


def read_frames(path: Path, rate: float | None = None) -> Iterator[Frame]:
    """Frames in order. rate: at most so many a second; None for all. Sound and further video tracks are left out.

    Raises InvalidInput for what is no video, holds no picture or breaks off.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InvalidInput(f"{path.name} holds no video track; give a video file")
            yield from _frames(container, path.name, rate)
    except av.FFmpegError as error:
        raise InvalidInput(f"{path.name} can't be read as video: {error.strerror}; give a whole video file") from error


def _frames(container: av.container.InputContainer, name: str, rate: float | None) -> Iterator[Frame]:
    stream = container.streams.video[0]
    first: float | None = None
    pace = Pace(rate)
    for number, frame in enumerate(container.decode(stream)):
        check_size(frame, name)
        stamp = frame.time if frame.time is not None else number / float(stream.average_rate or 30)
        first = stamp if first is None else first
        seconds = stamp - first
        if pace.takes(seconds):
            yield Frame(upright(frame), seconds)
    if first is None:
        raise InvalidInput(f"{name} holds no picture; give a whole video file")


class Pace:
    """Chooses no more than `rate` pictures a second: the first at or after each multiple of 1 / rate seconds."""

    def __init__(self, rate: float | None, taken: float | None = None) -> None:
        """rate: None for all. taken: seconds of the picture that was the last one so far; None for none."""
        self._rate = rate
        self._taken = taken
        self._due = 0.0 if taken is None or rate is None else self._after(taken, rate)

    def takes(self, seconds: float) -> bool:
        """Whether the picture at `seconds` is chosen. For each picture once, in order."""
        if self._rate is None:
            if self._taken is not None and seconds <= self._taken:
                return False
        elif seconds < self._due - _GRACE:
            return False
        else:
            self._due = self._after(seconds, self._rate)
        self._taken = seconds
        return True

    @staticmethod
    def _after(seconds: float, rate: float) -> float:
        return (int((seconds + _GRACE) * rate) + 1) / rate


def check_size(frame: av.VideoFrame, name: str) -> None:
    """Raises InvalidInput for a picture that is too large to be kept in memory."""
    if max(frame.width, frame.height) > _LONGEST_SIDE:
        raise InvalidInput(f"{name} has {frame.width} x {frame.height} pixels; make it smaller")


def upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """RGB, (height, width, 3), turned as the frame says. Of an interlaced frame one field, with its lines doubled."""
    shown = _one_field(frame) if frame.interlaced_frame and frame.height > 2 else frame
    pixels = shown.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    # A phone stores how far the picture has to be turned, counter-clockwise.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _one_field(frame: av.VideoFrame) -> av.VideoFrame:
    """Two fields were filmed one after the other: whatever moves has a comb where they meet.

    estdif looks at one frame alone, as pictures that are taken now and then need it.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 90_000)
    )
    graph.link_nodes(source, graph.add("estdif", "mode=frame:deint=interlaced"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    graph.vpush(None)
    return graph.vpull()
