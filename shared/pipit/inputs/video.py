"""Video files to RGB pictures, by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs.frame import Frame

_LONGEST_SIDE = 8_192


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
    due = 0.0
    for number, frame in enumerate(container.decode(stream)):
        if max(frame.width, frame.height) > _LONGEST_SIDE:
            raise InvalidInput(f"{name} has {frame.width} x {frame.height} pixels; make it smaller")
        stamp = frame.time if frame.time is not None else number / float(stream.average_rate or 30)
        first = stamp if first is None else first
        seconds = stamp - first
        if rate is not None:
            # Half a millisecond of grace: time stamps are rounded.
            if seconds < due - 0.0005:
                continue
            due = (int((seconds + 0.0005) * rate) + 1) / rate
        yield Frame(upright(frame), seconds)
    if first is None:
        raise InvalidInput(f"{name} holds no picture; give a whole video file")


def upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """RGB, (height, width, 3), turned as the frame says."""
    pixels = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    # A phone stores how far the picture has to be turned, counter-clockwise.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))
