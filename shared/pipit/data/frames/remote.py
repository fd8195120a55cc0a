"""URLs and cameras: connected to as often as they break off."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from pipit.data.frames.folder import RecordingState
from pipit.data.frames.following import Connections, open_after
from pipit.data.frames.naming import recording_of_live, recording_of_url
from pipit.data.frames.pictures import Decoded, Pictures
from pipit.data.frames.recorded import SLACK, finish, place_in, seen_in
from pipit.data.frames.sources import Source, open_url
from pipit.data.frames.taking import Seen, Taker
from pipit.errors import Unavailable
from pipit.inputs.camera import Camera

_SAME_CLOCK = 3600.0
"""Seconds; a stream that is further away from where it was has a new clock."""
_LIVE = ("rtp:", "rtsp:", "rtsps:", "udp:")


class Remote:
    """A URL or a device, connected to as often as it breaks off."""

    def __init__(self, taker: Taker, source: Source, say: Callable[[str], None]) -> None:
        self._taker = taker
        self._source = source
        self._patience = taker.options.patience
        self._connections = Connections(source.name, self._patience, taker.stop, say)
        self._recording = ""
        self._began = datetime.now(UTC)
        self._began_at = 0.0
        self._furthest = -1.0
        self._ended_at = -1.0
        self._stamp: float | None = None
        self._later = 0.0

    def run(self) -> None:
        """Until it ends for good. Raises what `Connections.run` raises."""
        report = self._taker.report
        self._connections.run(self._camera if self._source.kind == "device" else self._url)
        if self._taker.stop.is_set():
            report.ended = "stopped"
        elif self._connections.is_time_over():
            report.ended = "duration"
        state = self._taker.folder.state(self._recording)
        if state is not None and not state.is_done:
            report.lost += self._taker.lost(self._recording)

    def _camera(self) -> None:
        with Camera(self._source.address) as camera:
            self._connections.is_there()
            frames = camera.frames(self._taker.options.settings.fps)
            first = next(frames, None)
            if first is None:
                raise Unavailable("it gave no picture")
            later = self._seconds_live(self._source.name.rpartition("/")[2]) - first.seconds
            seen = (
                Seen(partial(_same, frame.pixels), frame.seconds + later) for frame in itertools.chain((first,), frames)
            )
            self._taker.report.ended = self._taker.take(self._recording, self._news(seen), None, self._began)

    def _url(self) -> None:
        insecure = self._taker.options.insecure
        opened = partial(open_url, self._source, self._patience.silence, insecure=insecure)
        with open_after(opened, self._source.name, self._where, self._patience.pictureless) as (pictures, decoded):
            self._connections.is_there()
            if self._has_no_end(pictures):
                self._live_url(pictures, decoded)
            else:
                self._recorded_url(pictures, decoded)

    def _where(self, pictures: Pictures) -> float | None:
        if self._has_no_end(pictures):
            return None
        return place_in(self._taker.folder, recording_of_url(self._source.address))

    def _has_no_end(self, pictures: Pictures) -> bool:
        # A live list that has ended meanwhile is read to its end, as what it was.
        return self._taker.report.is_live or not pictures.has_end or self._source.name.startswith(_LIVE)

    def _live_url(self, pictures: Pictures, decoded: Iterator[Decoded]) -> None:
        first = next(decoded, None)
        if first is None:
            raise Unavailable("it gave no picture that can be read")
        elapsed = self._seconds_live(recording_of_url(self._source.address))
        # Who joins in the middle has lost nothing.
        decoded = itertools.chain((replace(first, lost=0),), decoded)
        if pictures.is_list:
            seen = self._news(self._not_again(pictures, decoded, elapsed))
        else:
            seen = self._news(seen_in(pictures, decoded, elapsed - first.seconds))
        ended = self._taker.take(self._recording, seen, None, self._began)
        if ended == "end" and (self._source.name.startswith(_LIVE) or (pictures.is_list and not pictures.has_end)):
            raise Unavailable("nothing more came")
        self._taker.report.ended = ended

    def _recorded_url(self, pictures: Pictures, decoded: Iterator[Decoded]) -> None:
        report, folder = self._taker.report, self._taker.folder
        self._recording = recording_of_url(self._source.address)
        state = folder.state(self._recording) or RecordingState()
        if state.is_done:
            report.done_before, report.lost = 1, state.lost
            return
        report.recordings = 1
        folder.remember(self._recording, state)
        seen = self._news(seen_in(pictures, decoded))
        ended = self._taker.take(self._recording, seen, pictures.duration, pictures.began)
        if ended != "end":
            report.ended = ended
            return
        length = pictures.duration or 0.0
        if pictures.last < length - SLACK and pictures.last > self._ended_at:
            # The other end may have hung up; if it ends there once more, then this is all.
            self._ended_at = pictures.last
            raise Unavailable(f"it ended after {pictures.last:.0f} s of {length:.0f}")
        finish(self._taker, self._recording, pictures)

    def _seconds_live(self, name: str) -> float:
        """Since the first picture; to be called with the first of each connection."""
        if self._recording:
            return monotonic() - self._began_at
        self._began, self._began_at = datetime.now(UTC), monotonic()
        self._recording = recording_of_live(name, self._began)
        duration = self._taker.options.duration
        self._connections.until = None if duration is None else self._began_at + duration
        self._taker.folder.remember(self._recording, RecordingState(is_straight=False))
        self._taker.report.recordings = 1
        self._taker.report.is_live = True
        return 0.0

    def _not_again(self, pictures: Pictures, decoded: Iterator[Decoded], elapsed: float) -> Iterator[Seen]:
        """A list of segments begins with some that an earlier connection may have read."""
        for seen in seen_in(pictures, decoded):
            stamp = pictures.origin + seen.seconds
            if self._stamp is not None and -_SAME_CLOCK < stamp - self._stamp <= 0:
                continue
            if self._stamp is None or abs(stamp - self._stamp) > _SAME_CLOCK:
                self._later = elapsed - stamp
            self._stamp = stamp
            yield replace(seen, seconds=stamp + self._later)

    def _news(self, seen: Iterator[Seen]) -> Iterator[Seen]:
        for picture in seen:
            if picture.seconds > self._furthest:
                self._furthest = picture.seconds
                self._connections.is_something_new()
            yield picture


def _same(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels
