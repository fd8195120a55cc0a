"""Puts pictures and sound into a video file, by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ad_detection.channels.scenes import HEIGHT, WIDTH, Pixels
from ad_detection.channels.voices import RATE, Sound

_BLOCK = 1024
"""Samples that AAC encodes together."""


def write_film(path: Path, pictures: Iterable[Pixels], fps: Fraction, sound: Sound | None) -> None:
    """MPEG-4 video of 320 x 180, and AAC of 16 kHz where there is sound, in an MP4 file.

    pictures: RGB, one each 1 / fps seconds. sound: (samples,), -1..1. The same input gives the same bytes on the same
    version of FFmpeg: these codecs are FFmpeg's own, and one thread encodes.
    """
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("mpeg4", rate=fps, options={"qmin": "3", "qmax": "7"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # A seek finds its place within ten seconds.
        video.gop_size = max(1, min(50, round(10 * fps)))
        video.codec_context.thread_count = 1
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=RATE, layout="mono")
            audio.bit_rate = 48_000
        heard = 0
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
            if audio is not None and sound is not None:
                until = min(len(sound), int((number + 1) / fps * RATE))
                heard = _encode(container, audio, sound, heard, until)
        if audio is not None and sound is not None:
            _encode(container, audio, sound, heard, len(sound), rest=True)
            container.mux(audio.encode(None))
        container.mux(video.encode(None))


def _encode(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    sound: Sound,
    first: int,
    last: int,
    *,
    rest: bool = False,
) -> int:
    """Whole blocks alone, unless it is the rest. Gives the samples that are encoded."""
    while first + (1 if rest else _BLOCK) <= last:
        block = np.ascontiguousarray(sound[None, first : min(last, first + _BLOCK)])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
        container.mux(stream.encode(frame))
        first += block.shape[1]
    return first
