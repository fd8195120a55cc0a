"""Pictures and sound of one open container, read once and in the order in which they come, past what is damaged.

    container -> packets ─┬─> pictures, so many a second ──> Seen
                          └─> mono sound at one rate ──────> Heard, without gaps: what is missing is silence

Both have the seconds of the pictures' clock. Sound from before the first picture is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from pipit.errors import InvalidInput, Unavailable
from pipit.inputs.video import Pace, check_size, upright

SLACK = 0.1
"""Seconds by which sound may lie beside the end of what came before; times of many containers are rounded."""
LONGEST_SILENCE = 60.0
"""Seconds that are filled in at most; a clock that jumps by more has jumped."""
MOST_PICTURES = 1000
"""A second, that anybody films; some containers state the ticks of their clock."""
_JUMP = 1.0
"""Seconds by which a clock has to go back before its recording is taken for two that were put together."""
_MOST_REFUSALS = 1000
"""Reads in a row that a damaged container may refuse."""


@dataclass(frozen=True, slots=True)
class Seen:
    """pixels: RGB, (height, width, 3)."""

    pixels: NDArray[np.uint8]
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """samples: mono, (samples,), -1..1. seconds: of its end."""

    samples: NDArray[np.float32]
    seconds: float


class SeenAndHeard:
    """An iterator over an open container. For one use."""

    def __init__(
        self, container: InputContainer, name: str, fps: float, rate: int = 16_000, patience: float | None = None
    ) -> None:
        """fps: pictures a second at most; 0: none is decoded. rate: Hz, of sound.

        patience: see `pipit.data.frames.pictures.Pictures`.

        Raises InvalidInput for what holds neither pictures nor sound.
        """
        streams = container.streams
        if not streams.video and not streams.audio:
            raise InvalidInput(f"{name} holds neither pictures nor sound; give a recording")
        self._container = container
        self._name = name
        self._patience = patience
        self._video = streams.video[0] if streams.video else None
        self._audio = streams.audio[0] if streams.audio else None
        if self._video is not None:
            self._video.thread_type = "AUTO"
        # Read now: of a container that is closed nothing may be asked any more.
        said = [self._video.average_rate, self._video.guessed_rate] if self._video is not None else []
        self._rates = [float(rate) for rate in said if rate]
        self.duration = None if container.duration is None else container.duration / av.time_base
        """Seconds, as the container says."""
        self._pace = Pace(fps or None)
        self._looks = fps > 0.0
        self._sound = _Sound(rate)
        first = self._video if self._video is not None and self._video.start_time is not None else self._audio
        start = None if first is None or first.start_time is None else first.start_time * (first.time_base or 0)
        self._origin = None if start is None else float(start)
        self._last = 0.0
        self.faults = 0
        """Packets that could not be read."""
        self.pictures = 0
        """Pictures that came, those included that were not given."""

    @property
    def hears(self) -> bool:
        """Whether there is a track of sound."""
        return self._audio is not None

    @property
    def sees(self) -> bool:
        """Whether there is a track of pictures."""
        return self._video is not None

    @property
    def rate(self) -> float:
        """Pictures a second: as the container says, or, where that does not fit, as they came."""
        known = self._rates
        came = (self.pictures - 1) / self._last if self.pictures > 1 and self._last > 0.0 else None
        if came is None:
            return known[0] if known and known[0] <= MOST_PICTURES else 25.0
        return next((rate for rate in known if abs(rate - came) < 0.01 * came), came)

    @property
    def end(self) -> float:
        """Seconds at which what has come ends."""
        seen = self._last + 1.0 / self.rate if self.pictures else 0.0
        return max(seen, self._sound.end)

    def __iter__(self) -> Iterator[Seen | Heard]:
        """Raises InvalidInput for a picture that is too large, Unavailable or av.FFmpegError where it breaks off."""
        came = monotonic()
        for packet in self._packets():
            if self._patience is not None and monotonic() - came > self._patience:
                raise Unavailable(f"{self._name} sends, but nothing of it can be read for {self._patience:.0f} s")
            try:
                frames: list[Any] = packet.decode()
            except av.FFmpegError:
                self.faults += 1
                continue
            for frame in frames:
                came = monotonic()
                if isinstance(frame, av.VideoFrame):
                    yield from self._seen(frame)
                elif isinstance(frame, av.AudioFrame):
                    yield from self._sound.take(frame, self._seconds(frame.time))
        yield from self._sound.finish()

    def _seen(self, frame: av.VideoFrame) -> Iterator[Seen]:
        self.pictures += 1
        if frame.is_corrupt:
            self.faults += 1
            return
        check_size(frame, self._name)
        seconds = self._seconds(frame.time)
        if seconds is None:
            seconds = self._last + 1.0 / self.rate
        elif seconds < self._last - _JUMP:
            # Two recordings that were put together: the second one goes on where the first ended.
            self._origin = (self._origin or 0.0) - (self._last + 1.0 / self.rate - seconds)
            seconds = self._last + 1.0 / self.rate
        self._last = max(self._last, seconds)
        if seconds >= 0.0 and self._pace.takes(seconds):
            yield Seen(upright(frame), seconds)

    def _seconds(self, stamp: float | None) -> float | None:
        if stamp is None:
            return None
        if self._origin is None:
            self._origin = stamp
        return stamp - self._origin

    def _packets(self) -> Iterator[av.Packet[Any]]:
        wanted = [stream for stream in (self._video if self._looks else None, self._audio) if stream is not None]
        packets, refusals = self._container.demux(*wanted), 0
        while refusals < _MOST_REFUSALS:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                return
            except av.error.InvalidDataError:
                self.faults += 1
                refusals += 1
                packets = self._container.demux(*wanted)
            else:
                refusals = 0
                yield packet


class _Sound:
    """Frames of sound with their times, as one piece after the other from second 0 on."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: av.AudioResampler | None = None
        self._next = 0.0
        self._given = 0

    @property
    def end(self) -> float:
        """Seconds until which there is sound."""
        return self._given / self._rate

    def take(self, frame: av.AudioFrame, seconds: float | None) -> Iterator[Heard]:
        """seconds: when the frame begins; None where nobody knows: then it follows the one before."""
        if self._resampler is None or (seconds is not None and abs(seconds - self._next) > SLACK):
            yield from self.finish()
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self._rate)
            self._next = seconds or 0.0
            behind = self._next - self._given / self._rate
            if behind > LONGEST_SILENCE or behind < -LONGEST_SILENCE:
                self._given = round(self._next * self._rate)
            elif behind > 0.0:
                yield self._heard(np.zeros(round(behind * self._rate), np.float32))
        frame.pts = None
        self._next += frame.samples / frame.sample_rate
        yield from self._pieces(self._resampler.resample(frame))

    def finish(self) -> Iterator[Heard]:
        """What the resampler still holds."""
        if self._resampler is not None:
            yield from self._pieces(self._resampler.resample(None))
            self._resampler = None

    def _pieces(self, frames: Sequence[av.AudioFrame]) -> Iterator[Heard]:
        for frame in frames:
            samples = np.nan_to_num(np.asarray(frame.to_ndarray(), np.float32).reshape(-1))
            # Of sound that comes twice, or before second 0, the second half is kept.
            ahead = self._given - round(self._next * self._rate) + len(samples)
            if ahead > SLACK * self._rate:
                samples = samples[ahead:]
            if len(samples):
                yield self._heard(samples)

    def _heard(self, samples: NDArray[np.float32]) -> Heard:
        self._given += len(samples)
        return Heard(samples, self._given / self._rate)
