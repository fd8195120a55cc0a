"""Cameras as streams of pictures, by PyAV (FFmpeg).

A thread reads all that the camera gives and keeps the newest picture alone: whoever is slow misses pictures, but never
looks at old ones.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from time import perf_counter
from types import TracebackType

import av
from av.container import InputContainer

from pipit.errors import InvalidInput, Unavailable
from pipit.inputs.frame import Frame
from pipit.inputs.video import upright

SILENCE_SECONDS = 10.0
"""A camera that gives no picture for so long is taken to be gone."""
_SYSTEMS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}")}


def source_of(camera: str, system: str = sys.platform) -> tuple[str, str]:
    """FFmpeg's input format and source of a camera as people name it: `0`, `/dev/video2`, or `FORMAT:SOURCE`.

    Raises InvalidInput.
    """
    if camera.isdecimal():
        if system not in _SYSTEMS:
            raise InvalidInput(f"cameras have names here; give FORMAT:SOURCE, for example dshow:video={camera}")
        kind, source = _SYSTEMS[system]
        return kind, source.format(camera)
    if camera.startswith("/dev/"):
        return "v4l2", camera
    kind, mark, source = camera.partition(":")
    if not (kind and mark and source):
        raise InvalidInput(f"{camera!r} names no camera; give its number, /dev/video2, or FORMAT:SOURCE")
    return kind, source


class Camera:
    """An open camera; a context manager. For one reader."""

    def __init__(self, camera: str) -> None:
        """camera: see `source_of`. Raises InvalidInput, Unavailable if it can't be opened."""
        self.name = camera
        kind, source = source_of(camera)
        try:
            container = av.open(source, format=kind, timeout=SILENCE_SECONDS)
        except (av.FFmpegError, ValueError) as error:
            reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
            raise Unavailable(f"camera {camera} can't be opened: {reason}; is it there, and is it free?") from error
        if not isinstance(container, InputContainer) or not container.streams.video:
            # Nobody else could: a device that stays open is busy for whoever tries next.
            container.close()
            raise InvalidInput(f"{camera} gives no pictures")
        self._container = container
        self._changed = threading.Condition()
        self._newest: tuple[int, float, av.VideoFrame] | None = None
        self._given = 0
        self._ended: Exception | None = None
        self._over = False
        self.left_out = 0
        """Pictures that came while nobody asked."""
        self._begun = perf_counter()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def __enter__(self) -> Camera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the camera go."""
        self._over = True
        self._thread.join(2 * SILENCE_SECONDS)
        self._container.close()

    def frames(self, rate: float | None = None) -> Iterator[Frame]:
        """The newest picture each time, until the camera ends. seconds: since it was opened.

        rate: at most so many a second. Raises Unavailable for a camera that is gone or silent.
        """
        due = 0.0
        patience = SILENCE_SECONDS + (1.0 / rate if rate else 0.0)
        while True:
            with self._changed:
                if not self._wait(due, patience):
                    raise Unavailable(f"camera {self.name} gave no picture for {SILENCE_SECONDS:.0f} s")
                newest = self._newest
                if newest is None or newest[0] == self._given or newest[1] < due:
                    if self._ended is not None:
                        raise Unavailable(f"camera {self.name} broke off: {self._ended}") from self._ended
                    return
                number, seconds, frame = newest
                self.left_out += number - self._given - 1
                self._given = number
            due = 0.0 if rate is None else seconds + 1.0 / rate
            yield Frame(upright(frame), seconds)

    def _wait(self, due: float, patience: float) -> bool:
        """For a picture that was not given yet and came at `due` or later, or for the end."""

        def is_ready() -> bool:
            fresh = self._newest is not None and self._newest[0] > self._given and self._newest[1] >= due
            return fresh or self._over

        return self._changed.wait_for(is_ready, timeout=patience)

    def _read(self) -> None:
        try:
            for number, frame in enumerate(self._container.decode(video=0), start=1):
                with self._changed:
                    if self._over:
                        return
                    self._newest = number, perf_counter() - self._begun, frame
                    self._changed.notify()
        except av.FFmpegError as error:
            self._ended = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify()
