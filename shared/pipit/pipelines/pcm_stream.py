"""A stream of sound, whatever a task makes of its windows: one caller's PCM, cut as the whole recording would be."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pipit.errors import InvalidInput
from pipit.inputs import Input, PcmAudio, describe
from pipit.inputs.audio import StreamWindows
from pipit.inputs.audio.stream import Windows
from pipit.types import Decoded


class PcmStream(ABC):
    """See `pipit.pipelines.StreamDecoder`. Not for several threads."""

    def __init__(self, rate: int, window_seconds: float, hop_seconds: float) -> None:
        """rate: Hz, of the windows."""
        self._windows = StreamWindows(rate, window_seconds, hop_seconds)
        self._begun = False
        self.seconds = 0.0

    @abstractmethod
    def hear(self, windows: Windows) -> Decoded | None:
        """What windows that became full, perhaps none, give to be answered."""

    @abstractmethod
    def hear_last(self, windows: Windows) -> Decoded | None:
        """What the end gives; its last window may be filled up with zeros."""

    def takes(self, item: Input) -> bool:
        """PCM. A file is whole by itself, and pieces of a file are no files."""
        return isinstance(item, PcmAudio)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """Raises InvalidInput for anything but PCM. seconds: not looked at; samples tell their own time."""
        if not isinstance(item, PcmAudio):
            raise InvalidInput(f"a stream of sound takes PCM, not {describe(item)}; send files one by one")
        windows = self._windows.push(item)
        self._begun = True
        self.seconds += len(item.samples) / item.sample_rate
        return self.hear(windows)

    def finish(self) -> Decoded | None:
        """Nothing of a stream that never began."""
        return self.hear_last(self._windows.finish()) if self._begun else None
