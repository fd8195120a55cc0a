"""What `pipit data frames` does: from a source to a folder of pictures and their manifest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from pipit.data.frames.folder import BudgetUsed, FrameFolder, RecordingState
from pipit.data.frames.following import Connections, open_after
from pipit.data.frames.naming import beginning_of, begins_as, recording_of_live, recording_of_url
from pipit.data.frames.pictures import Decoded, Pictures
from pipit.data.frames.report import CollectOptions, Report
from pipit.data.frames.sources import RecordedFile, Source, files_of, open_file, open_url, source_named
from pipit.data.frames.taking import Advance, Seen, Taker
from pipit.errors import InvalidInput, Unavailable
from pipit.inputs.camera import Camera
from pipit.inputs.video import upright

_SLACK = 2.0
"""Seconds by which pictures may end before the end that their container states."""
_LIVE = ("rtp:", "rtsp:", "rtsps:", "udp:")


def collect(
    source: str, output: Path, options: CollectOptions, stop: Event, advance: Advance, say: Callable[[str], None]
) -> Report:
    """Collects frames of `source` (see `source_named`) in `output`, or goes on with it.

    stop: ends it after the picture that is under way. Of a folder, files that can't be used are named in the report.
    Raises what `source_named`, `files_of` and `FrameFolder` raise; InvalidInput for a source that is no video,
    Unavailable for one that breaks off and does not come back and for a full disk. What was kept until then stays.
    """
    found = source_named(source)
    files = files_of(found) if found.kind in ("file", "folder") else ()
    report = Report(output, found.name)
    with FrameFolder(output, found, options.settings, options.room) as folder:
        taker = Taker(folder, options, report, stop, advance)
        try:
            if files:
                _files(taker, files, found)
            else:
                _Remote(taker, found, say).run()
        except BudgetUsed as error:
            report.ended = "budget"
            report.notes.append(str(error))
    if report.interlaced:
        report.notes.append("it is interlaced: of each picture one field was kept, with its lines doubled")
    return report


def _files(taker: Taker, files: tuple[RecordedFile, ...], source: Source) -> None:
    for file in files:
        try:
            _file(taker, file)
        except InvalidInput as error:
            if source.kind == "file":
                raise
            taker.report.problems[file.recording] = str(error)
        if taker.report.ended == "stopped":
            return


def _file(taker: Taker, file: RecordedFile) -> None:
    path, name, folder = file.path, file.recording, taker.folder
    state = folder.state(name) or RecordingState(beginning_of(path))
    if not begins_as(path, state.beginning):
        raise InvalidInput(
            f"{path.name} is another recording than the one whose frames are in {folder.path}; "
            "name a new folder with --output"
        )
    size = path.stat().st_size
    if state.is_done and size <= state.size:
        taker.report.done_before += 1
        taker.report.lost += state.lost
        return
    with open_after(partial(open_file, path, path.name), path.name, lambda _: _place(folder, name)) as (pictures, seen):
        first = next(seen, None)
        if first is None:
            raise InvalidInput(f"{path.name} holds no picture that can be read; give a whole video file")
        # Only now: what is no video leaves no trace.
        folder.remember(name, state)
        taker.report.recordings += 1
        all_of_it = _seen(pictures, itertools.chain((first,), seen))
        ended = taker.take(name, all_of_it, pictures.duration, pictures.began)
        if ended == "end":
            _finish(taker, name, pictures, size)
        else:
            taker.report.ended = ended
            taker.report.lost += taker.lost(name)


def _place(folder: FrameFolder, recording: str) -> float | None:
    """Where to go on; None for the start."""
    last, state = folder.last(recording), folder.state(recording)
    return None if last is None or state is None or not state.is_straight else last.seconds


def _seen(pictures: Pictures, decoded: Iterator[Decoded], later: float = 0.0) -> Iterator[Seen]:
    for picture in decoded:
        frame = picture.frame
        yield Seen(
            partial(upright, frame),
            picture.seconds + later,
            picture.lost,
            pictures.is_straight,
            frame.interlaced_frame,
        )


def _finish(taker: Taker, recording: str, pictures: Pictures, size: int = 0) -> None:
    state = taker.folder.state(recording) or RecordingState()
    state.is_done, state.size = True, size
    state.lost = taker.lost(recording) + pictures.lost_at_the_end
    taker.folder.remember(recording, state)
    taker.report.lost += state.lost
    length = pictures.duration
    if length is not None and pictures.last < length - _SLACK:
        taker.report.notes.append(
            f"the pictures of {recording} end after {pictures.last:.0f} s, though it says that it has {length:.0f} s"
        )


class _Remote:
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
        opened = partial(open_url, self._source, self._patience.silence)
        with open_after(opened, self._source.name, self._where, self._patience.pictureless) as (pictures, decoded):
            self._connections.is_there()
            if self._has_no_end(pictures):
                self._live_url(pictures, decoded)
            else:
                self._recorded_url(pictures, decoded)

    def _where(self, pictures: Pictures) -> float | None:
        return (
            None if self._has_no_end(pictures) else _place(self._taker.folder, recording_of_url(self._source.address))
        )

    def _has_no_end(self, pictures: Pictures) -> bool:
        return not pictures.has_end or self._source.name.startswith(_LIVE)

    def _live_url(self, pictures: Pictures, decoded: Iterator[Decoded]) -> None:
        first = next(decoded, None)
        if first is None:
            raise Unavailable("it gave no picture that can be read")
        later = self._seconds_live(recording_of_url(self._source.address)) - first.seconds
        seen = self._news(_seen(pictures, itertools.chain((first,), decoded), later))
        ended = self._taker.take(self._recording, seen, None, self._began)
        if ended == "end" and self._source.name.startswith(_LIVE):
            raise Unavailable("the connection ended")
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
        seen = self._news(_seen(pictures, decoded))
        ended = self._taker.take(self._recording, seen, pictures.duration, pictures.began)
        if ended != "end":
            report.ended = ended
            return
        length = pictures.duration or 0.0
        if pictures.last < length - _SLACK and pictures.last > self._ended_at:
            # The other end may have hung up; if it ends there once more, then this is all.
            self._ended_at = pictures.last
            raise Unavailable(f"it ended after {pictures.last:.0f} s of {length:.0f}")
        _finish(self._taker, self._recording, pictures)

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

    def _news(self, seen: Iterator[Seen]) -> Iterator[Seen]:
        for picture in seen:
            if picture.seconds > self._furthest:
                self._furthest = picture.seconds
                self._connections.is_something_new()
            yield picture


def _same(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels
