"""The sound of recordings (video with sound, or sound alone), by PyAV, with the seconds that its pictures have.

    file -> packets -> frames at their own times -> mono at one rate -> pieces -> windows that end at given seconds

What is damaged or was never recorded is silence, so that later sound keeps its time. One window's sound is held, never
a whole recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from pipit.data.frames.sources import open_file
from pipit.errors import InvalidInput

Sound = NDArray[np.float32]
SLACK = 0.1
"""Seconds by which a frame may lie beside the end of what came before; times of many containers are rounded."""
LONGEST_GAP = 3600.0
"""Seconds of silence that are filled in; a clock that jumps by more is broken."""
_MOST_REFUSALS = 1000
"""Reads in a row that a damaged file may refuse."""


def sound_of(path: Path, rate: int, name: str = "") -> Iterator[Sound]:
    """Mono sound from second 0 on, in pieces, (samples,), -1..1. rate: Hz. name: for errors.

    Second 0 is that of the pictures, where there are any: sound before it is left out, and silence stands where sound
    begins later. Raises InvalidInput for a file without sound, or of which no sound can be read; Unavailable for a disk
    that can't be read.
    """
    name = name or path.name
    with open_file(path, name) as container:
        if not container.streams.audio:
            raise InvalidInput(f"{name} has no sound; give a recording that has, or leave it out")
        place = 0
        for start, piece in _placed(container, rate):
            begin = round(start * rate)
            if abs(begin - place) <= SLACK * rate and place:
                begin = place
            if begin > place:
                if begin - place > LONGEST_GAP * rate:
                    raise InvalidInput(f"the clock of {name} jumps to {start:.0f} s; copy it anew, or leave it out")
                yield np.zeros(begin - place, np.float32)
                place = begin
            rest = piece[place - begin :]
            if len(rest):
                yield rest
                place += len(rest)
        if not place:
            raise InvalidInput(f"none of the sound of {name} can be read; give a whole recording")


def windows_of(
    pieces: Iterable[Sound], rate: int, ends: Sequence[float], seconds: float
) -> Iterator[tuple[int, Sound]]:
    """For each of `ends`, its position and the sound of the `seconds` before it; shorter at the start.

    ends: seconds, ascending. What ends after the recording's end gives nothing. pieces: as `sound_of` gives them.
    """
    longest = round(seconds * rate)
    held, begin, wanted = np.zeros(0, np.float32), 0, 0
    for piece in longer(pieces, rate):
        held = np.concatenate([held, piece])
        while wanted < len(ends) and (end := round(ends[wanted] * rate)) <= begin + len(held):
            yield wanted, held[max(0, end - longest - begin) : end - begin].copy()
            wanted += 1
        if wanted == len(ends):
            return
        # What no later window needs.
        spare = max(0, min(len(held), round(ends[wanted] * rate) - longest - begin))
        held, begin = held[spare:], begin + spare


def longer(pieces: Iterable[Sound], samples: int) -> Iterator[Sound]:
    """Joined to about `samples`: a codec's own are so short that holding a window anew for each takes long."""
    parts: list[Sound] = []
    length = 0
    for piece in pieces:
        parts.append(piece)
        length += len(piece)
        if length >= samples:
            yield np.concatenate(parts)
            parts, length = [], 0
    if parts:
        yield np.concatenate(parts)


def _placed(container: InputContainer, rate: int) -> Iterator[tuple[float, Sound]]:
    """Pieces with the second at which each begins; one that follows on another has that one's end."""
    stream = container.streams.audio[0]
    pictures = container.streams.video[0] if container.streams.video else None
    first = pictures if pictures is not None and pictures.start_time is not None else stream
    origin = float((first.start_time or 0) * (first.time_base or 0))
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    begin, given = 0.0, 0
    for frame in _frames(container, stream):
        now = begin + given / rate if frame.time is None else frame.time - origin
        if not given or abs(now - (begin + given / rate)) > SLACK:
            rest = _samples(resampler.resample(None))
            if len(rest):
                yield begin + given / rate, rest
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            begin, given = now, 0
        frame.pts = None
        piece = _samples(resampler.resample(frame))
        if len(piece):
            yield begin + given / rate, piece
            given += len(piece)
    rest = _samples(resampler.resample(None)) if given else np.zeros(0, np.float32)
    if len(rest):
        yield begin + given / rate, rest


def _frames(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Those that can be decoded."""
    packets, refusals = container.demux(stream), 0
    while refusals < _MOST_REFUSALS:
        try:
            packet = next(packets)
        except (StopIteration, av.error.EOFError):
            return
        except av.error.InvalidDataError:
            refusals += 1
            packets = container.demux(stream)
            continue
        refusals = 0
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _samples(frames: Sequence[av.AudioFrame]) -> Sound:
    parts = [np.asarray(frame.to_ndarray(), np.float32).reshape(-1) for frame in frames]
    return np.nan_to_num(np.concatenate(parts)) if parts else np.zeros(0, np.float32)
