"""What one caller may send."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs.limits import LARGEST_FILE, limit_of


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """Bounds of one clip, or of one piece of a stream. The largest is 92 MB as mono float32, twice for a moment.

    Size over a bound raises InputTooLarge; a form that no microphone has raises InvalidInput.
    """

    max_bytes: int = LARGEST_FILE
    """Of an encoded file."""
    max_seconds: float = 120.0
    max_channels: int = 16
    max_values: int = 100_000_000
    """Samples of all channels together; they take a second to decode."""
    min_sample_rate: int = 4_000
    """Hz."""
    max_sample_rate: int = 192_000
    """Hz."""
    max_amplitude: float = 100.0
    """Full scale is 1. Floats may go a little over it; integers that were never divided go far over it."""

    def check_bytes(self, size: int, what: str) -> None:
        """`what` begins the message, for example "the file has"."""
        if size > self.max_bytes:
            raise InputTooLarge(
                f"{what} {size} bytes, the limit is {limit_of(self.max_bytes)}; send it in parts or as a stream"
            )

    def check_form(self, sample_rate: int, channels: int) -> None:
        """sample_rate: Hz."""
        if not self.min_sample_rate <= sample_rate <= self.max_sample_rate:
            raise InvalidInput(
                f"a sample rate of {sample_rate} Hz is outside {self.min_sample_rate} to {self.max_sample_rate} Hz; "
                "resample the clip"
            )
        if not 1 <= channels <= self.max_channels:
            raise InvalidInput(f"audio has {channels} channels, it may have 1 to {self.max_channels}; mix it down")

    def check_length(self, frames: int, sample_rate: int) -> None:
        """frames: samples of one channel."""
        if frames > self.max_frames(sample_rate):
            raise InputTooLarge(
                f"audio lasts {frames / sample_rate:.0f} s, the limit is {self.max_seconds:g} s; "
                "send it in parts or as a stream"
            )

    def check_work(self, frames: int, channels: int) -> None:
        """frames: samples of one channel."""
        if frames * channels > self.max_values:
            raise InputTooLarge(
                f"audio has {frames} samples in each of {channels} channels, the limit is {self.max_values} in all; "
                "mix it down, or send it in parts"
            )

    def max_frames(self, sample_rate: int) -> int:
        """Samples of one channel that fit into `max_seconds`."""
        return int(self.max_seconds * sample_rate)

    def check_values(self, samples: NDArray[np.float32]) -> None:
        """samples: any shape, at least one value."""
        peak = max(samples.max(), -samples.min())
        if peak <= self.max_amplitude:
            return
        if np.isfinite(peak):
            raise InvalidInput(f"samples reach {peak:g}, full scale is 1; divide integers by their largest value")
        raise InvalidInput("audio holds NaN or infinite samples; repair the recording")


DEFAULT_LIMITS = AudioLimits()
