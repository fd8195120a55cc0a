"""Pictures of an open container in order, past what is damaged, with their seconds from the recording's start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import av
from av.container import InputContainer
from av.packet import Packet

from pipit.data.frames.losses import Losses
from pipit.errors import InvalidInput, Unavailable
from pipit.inputs.video import check_size

_JUMP = 1.0
"""Seconds by which a clock has to go back before its recording is taken for two that were put together."""
_MOST_REFUSALS = 1000
"""Reads in a row that a damaged container may refuse."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """lost: pictures before this one, about, that could not be read."""

    frame: av.VideoFrame
    seconds: float
    lost: int


class Pictures:
    """An iterator over an open container's first video track. For one use."""

    def __init__(self, container: InputContainer, name: str, *, patience: float | None = None) -> None:
        """patience: for what comes over a network, seconds without a picture that can be read; None for a file.

        Over a network, gaps are pictures that were lost on the way. Raises InvalidInput without a video track.
        """
        if not container.streams.video:
            raise InvalidInput(f"{name} holds no video track; give a video file")
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._name = name
        self._rate = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        self._losses = Losses(self._rate, gaps_are_losses=patience is not None)
        start = self._stream.start_time
        self._origin = (
            None if start is None or self._stream.time_base is None else float(start * self._stream.time_base)
        )
        self._last: float | None = None
        self._is_sought = False
        self._patience = patience
        self.is_straight = True
        """Whether seconds are the container's own times, so that a second can be found again by seeking."""

    @property
    def duration(self) -> float | None:
        """Seconds, as the container says; None for what has no end."""
        return None if self._container.duration is None else self._container.duration / av.time_base

    @property
    def has_end(self) -> bool:
        """Whether it is a recording, and not something that goes on by itself."""
        return self.duration is not None or (self._container.size > 0 and not self.is_list)

    @property
    def is_list(self) -> bool:
        """Whether it is a list of segments (HLS), whose clock goes on over connections."""
        return self._container.format.name == "hls"

    @property
    def origin(self) -> float:
        """The container's own time of second 0."""
        return self._origin or 0.0

    @property
    def began(self) -> datetime | None:
        """Wall-clock time of the first picture, as the container says."""
        try:
            began = datetime.fromisoformat(self._container.metadata.get("creation_time", ""))
        except ValueError:
            return None
        return began.replace(tzinfo=UTC) if began.tzinfo is None else began.astimezone(UTC)

    @property
    def lost_at_the_end(self) -> int:
        """Pictures after the last one that could not be read."""
        return self._losses.at_the_end()

    @property
    def last(self) -> float:
        """Seconds of the last picture that could be read; 0 before the first."""
        return self._last or 0.0

    def seek(self, seconds: float) -> bool:
        """Goes to a picture that others can be decoded from, before `seconds`. Whether it may have worked."""
        stream = self._stream
        if self._origin is None or stream.time_base is None:
            return False
        try:
            self._container.seek(int((self._origin + seconds) / stream.time_base), stream=stream)
        except av.FFmpegError:
            return False
        self._is_sought = True
        return True

    def __iter__(self) -> Iterator[Decoded]:
        """Raises InvalidInput for a picture that is too large, Unavailable or av.FFmpegError where it breaks off."""
        seen = monotonic()
        for packet in self._packets():
            if self._patience is not None and monotonic() - seen > self._patience:
                raise Unavailable(
                    f"{self._name} sends, but gave no picture that can be read for {self._patience:.0f} s"
                )
            if packet.is_corrupt:
                self._losses.fault()
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._losses.fault(pictures=1)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._losses.fault(pictures=1)
                    continue
                check_size(frame, self._name)
                yield self._at_its_time(frame)
                seen = monotonic()

    def _packets(self) -> Iterator[Packet[av.VideoStream]]:
        refusals = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                return
            except av.error.InvalidDataError:
                self._losses.fault()
                refusals += 1
                if refusals == _MOST_REFUSALS:
                    return
                packets = self._container.demux(self._stream)
            else:
                refusals = 0
                yield packet

    def _at_its_time(self, frame: av.VideoFrame) -> Decoded:
        step = 1.0 / self._rate
        if frame.pts is None:
            self.is_straight = False
            seconds = 0.0 if self._last is None else self._last + step
        else:
            if self._origin is None:
                self._origin = frame.time
            seconds = frame.time - self._origin
            if self._last is not None and seconds < self._last - _JUMP:
                self.is_straight = False
                self._origin = frame.time - self._last - step
                seconds = self._last + step
        seconds = max(0.0, seconds)
        if self._last is not None:
            lost = self._losses.after(seconds - self._last)
        elif self._is_sought:
            lost = 0
        else:
            # Before the first picture that needs no other one, all are lost, also those that were refused.
            self._losses.at_the_end()
            lost = round(seconds * self._rate)
        self._last = seconds
        return Decoded(frame, seconds, lost)
