"""The sound of recordings (video with sound, or sound alone), by PyAV, with the seconds that its pictures have.

    file -> pieces at their own times (`SeenAndHeard`) -> one after the other -> windows that end at given seconds

What is damaged or was never recorded is silence, so that later sound keeps its time. One window's sound is held, never
a whole recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.data.frames.sources import open_file
from pipit.data.seen_and_heard import Heard, SeenAndHeard
from pipit.errors import InvalidInput

Sound = NDArray[np.float32]
LONGEST_GAP = 3600.0
"""Seconds of silence that are filled in; a clock that jumps by more is broken."""


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
        for heard in SeenAndHeard(container, name, fps=0.0, rate=rate):
            if not isinstance(heard, Heard):
                continue
            begin = round(heard.seconds * rate) - len(heard.samples)
            if begin > place:
                if begin - place > LONGEST_GAP * rate:
                    raise InvalidInput(f"the clock of {name} jumps to {begin / rate:.0f} s; copy it, or leave it out")
                yield np.zeros(begin - place, np.float32)
                place = begin
            rest = heard.samples[place - begin :]
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
