"""Recordings on this machine's disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

from pipit.data.frames.folder import FrameFolder, RecordingState
from pipit.data.frames.following import open_after
from pipit.data.frames.naming import beginning_of, begins_as
from pipit.data.frames.pictures import Decoded, Pictures
from pipit.data.frames.sources import RecordedFile, Source, open_file
from pipit.data.frames.taking import Seen, Taker
from pipit.errors import InvalidInput
from pipit.inputs.video import upright

SLACK = 2.0
"""Seconds by which pictures may end before the end that their container states."""


def take_files(taker: Taker, files: tuple[RecordedFile, ...], source: Source) -> None:
    """One after the other. Of a folder, what can't be used is named in the report; one file raises InvalidInput."""
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
    opened = partial(open_file, path, path.name)
    with open_after(opened, path.name, lambda _: place_in(folder, name)) as (pictures, seen):
        first = next(seen, None)
        if first is None:
            raise InvalidInput(f"{path.name} holds no picture that can be read; give a whole video file")
        # Only now: what is no video leaves no trace.
        folder.remember(name, state)
        taker.report.recordings += 1
        all_of_it = seen_in(pictures, itertools.chain((first,), seen))
        ended = taker.take(name, all_of_it, pictures.duration, pictures.began)
        if ended == "end":
            finish(taker, name, pictures, size)
        else:
            taker.report.ended = ended
            taker.report.lost += taker.lost(name)


def place_in(folder: FrameFolder, recording: str) -> float | None:
    """Where to go on; None for the start."""
    last, state = folder.last(recording), folder.state(recording)
    return None if last is None or state is None or not state.is_straight else last.seconds


def seen_in(pictures: Pictures, decoded: Iterator[Decoded], later: float = 0.0) -> Iterator[Seen]:
    """What a container's pictures are to a `Taker`. later: seconds of second 0."""
    for picture in decoded:
        frame = picture.frame
        yield Seen(
            partial(upright, frame),
            picture.seconds + later,
            picture.lost,
            pictures.is_straight,
            frame.interlaced_frame,
        )


def finish(taker: Taker, recording: str, pictures: Pictures, size: int = 0) -> None:
    """A recording was read to its end. size: of its file."""
    state = taker.folder.state(recording) or RecordingState()
    state.is_done, state.size = True, size
    state.lost = taker.lost(recording) + pictures.lost_at_the_end
    taker.folder.remember(recording, state)
    taker.report.lost += state.lost
    length = pictures.duration
    if length is not None and pictures.last < length - SLACK:
        taker.report.notes.append(
            f"the pictures of {recording} end after {pictures.last:.0f} s, though it says that it has {length:.0f} s"
        )
