"""Chapters as FFmpeg's metadata files hold them: `ffmpeg -i film.mp4 -i chapters.ffmeta -map_metadata 1 -c copy …`.

    ;FFMETADATA1
    [CHAPTER]
    TIMEBASE=1/1000
    START=0
    END=83500
    title=Programme

Source: https://ffmpeg.org/ffmpeg-formats.html#Metadata-2
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipit.errors import InvalidInput

_SPECIAL = re.compile(r"([=;#\\\n])")


@dataclass(frozen=True, slots=True)
class Chapter:
    """Seconds from the recording's start."""

    start: float
    end: float
    title: str

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not 0.0 <= self.start < self.end < float("inf"):
            raise InvalidInput(f"a chapter from {self.start:g} to {self.end:g} s can't be; it ends after it begins")


def chapters_text(chapters: Iterable[Chapter]) -> str:
    """To the millisecond."""
    lines = [";FFMETADATA1"]
    for chapter in chapters:
        lines += [
            "[CHAPTER]",
            "TIMEBASE=1/1000",
            f"START={round(chapter.start * 1000)}",
            f"END={round(chapter.end * 1000)}",
            "title=" + _SPECIAL.sub(r"\\\1", chapter.title),
        ]
    return "\n".join(lines) + "\n"
