"""From the pictures of one recording to those that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

import numpy as np
from numpy.typing import NDArray

from pipit.data.frames.folder import FrameFolder
from pipit.data.frames.report import CollectOptions, Ended, Report
from pipit.inputs.video import Pace

Advance = Callable[[str, float, float | None], None]
"""Called with a recording's name, the seconds of it that are seen, and all that there are (None: it has no end)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture at its time. pixels: gives RGB, uint8, (height, width, 3); called for what is kept alone.

    lost: pictures before this one that could not be read. is_straight: see `RecordingState`.
    """

    pixels: Callable[[], NDArray[np.uint8]]
    seconds: float
    lost: int = 0
    is_straight: bool = True
    is_interlaced: bool = False


class Taker:
    """Puts pictures into a folder and counts."""

    def __init__(
        self, folder: FrameFolder, options: CollectOptions, report: Report, stop: Event, advance: Advance
    ) -> None:
        """stop: ends it after the picture that is under way."""
        self.folder = folder
        self.report = report
        self.options = options
        self.stop = stop
        self._advance = advance
        self._lost: dict[str, int] = {}

    def lost(self, recording: str) -> int:
        """Pictures that could not be read, up to the last that was seen."""
        return self.folder.lost(recording) + self._lost.get(recording, 0)

    def take(self, recording: str, seen: Iterable[Seen], length: float | None, began: datetime | None) -> Ended:
        """Goes on behind the last picture that was kept. Gives why it ended.

        length: of the recording in seconds, if known. began: the wall-clock time of second 0. Raises what `keep` of the
        folder raises, and what `seen` does.
        """
        last = self.folder.last(recording)
        taken = None if last is None else last.seconds
        pace = Pace(self.options.settings.fps, taken)
        limit = self.options.duration
        length = limit if length is None else min(length, limit or length)
        for picture in seen:
            # As the manifest has it: a run that goes on has to decide as this one would.
            seconds = round(picture.seconds, 3)
            if self.stop.is_set():
                return "stopped"
            if limit is not None and seconds >= limit:
                return "duration"
            if taken is None or seconds > taken:
                self._lost[recording] = self._lost.get(recording, 0) + picture.lost
            state = self.folder.state(recording)
            if state is not None and state.is_straight and not picture.is_straight:
                state.is_straight = False
                self.folder.remember(recording, state)
            self.report.interlaced |= picture.is_interlaced
            self._advance(recording, seconds, length)
            if pace.takes(seconds):
                self._keep(recording, picture, seconds, began)
        return "end"

    def _keep(self, recording: str, picture: Seen, seconds: float, began: datetime | None) -> None:
        time = ""
        if began is not None:
            time = (began + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self.folder.keep(recording, picture.pixels(), seconds, time, self._lost.get(recording, 0)):
            self._lost[recording] = 0
            self.report.kept += 1
        else:
            self.report.alike += 1
