"""Sound to windows of log-mel, for every task that listens. The same code in the trainer and on the device.

decode_audio -> resample -> cut_windows -> LogMel -> [network]

    librosa_22k    the spectrogram of the window, relative to its loudest moment
    yamnet         the window's patches at one level, silent ones left out; see `pipit.inputs.audio.patches`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import Input, TensorInput
from pipit.inputs.audio import (
    LIBROSA_22K,
    PATCH_FRAMES,
    YAMNET,
    LogMel,
    LogMelParameters,
    cut_windows,
    decode_audio,
    level_patches,
    patch_starts,
    resample,
)
from pipit.inputs.audio.stream import Windows
from pipit.pipelines.pcm_stream import PcmStream
from pipit.pipelines.rows import take_rows
from pipit.types import Decoded

FRONT_ENDS = {"librosa_22k": LIBROSA_22K, "yamnet": YAMNET}
INPUT = "log_mel"


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """From sound to the network's input. Lengths in seconds."""

    name: str
    window_seconds: float
    hop_seconds: float

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if self.name not in FRONT_ENDS:
            raise InvalidInput(f"there is no front end {self.name!r}; there are {', '.join(FRONT_ENDS)}")

    @property
    def log_mel(self) -> LogMelParameters:
        """Of its spectrogram."""
        return FRONT_ENDS[self.name]

    @property
    def units(self) -> str:
        """Of the spectrogram, for people."""
        return "dB relative to the loudest" if self.log_mel.compression == "decibel" else "ln of the magnitude"

    @property
    def samples(self) -> int:
        """Of one window."""
        return round(self.window_seconds * self.log_mel.sample_rate)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one row of the network's input: (bands, frames, 1), of patches side by side where it has patches.

        Raises InvalidInput for a window too short for a patch.
        """
        frames = self.log_mel.frames(self.samples)
        return self.log_mel.bands, len(patch_starts(frames)) * PATCH_FRAMES if self.in_patches else frames, 1

    @property
    def in_patches(self) -> bool:
        """Whether the network is given patches and no spectrogram in one piece."""
        return self.name == "yamnet"

    @property
    def parameters(self) -> dict[str, Any]:
        """As a bundle's pipeline holds them; the inverse of `front_end_of`."""
        return {"front_end": self.name, "window_seconds": self.window_seconds, "hop_seconds": self.hop_seconds}


def front_end_of(parameters: Mapping[str, Any]) -> FrontEnd:
    """From a bundle's pipeline parameters. Raises InvalidInput."""
    try:
        return FrontEnd(
            str(parameters["front_end"]), float(parameters["window_seconds"]), float(parameters["hop_seconds"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the bundle's pipeline parameters are wrong ({error}); it needs front_end, window_seconds, hop_seconds"
        ) from error


class AudioWindows:
    """What a pipeline of sounds does before the network: the base of such pipelines. Shared by threads."""

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self._log_mel = LogMel(front_end.log_mel)

    def decode(self, item: Input) -> Decoded:
        """Audio: `log_mel`, float32, shape (windows, bands, frames, 1), and each window's time span.

        A tensor of one row's shape, or of rows of it, is taken as it is. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return take_rows(item, INPUT, self.front_end.shape)
        samples, rate = decode_audio(item)
        wanted = self.front_end.log_mel.sample_rate
        rows, spans = cut_windows(
            resample(samples, rate, wanted), wanted, self.front_end.window_seconds, self.front_end.hop_seconds
        )
        return Decoded({INPUT: self.log_mel(rows)}, tuple(spans))

    def open_stream(self) -> AudioStream:
        """For PCM pushed piece by piece."""
        return AudioStream(self)

    def log_mel(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(windows, samples) to rows of the network's input, (windows, bands, frames, 1)."""
        if self.front_end.in_patches:
            return level_patches(self._log_mel.magnitudes(windows), self.front_end.log_mel.floor)[..., np.newaxis]
        return self._log_mel(windows)[..., np.newaxis]


class AudioStream(PcmStream):
    """One caller's PCM. Windows come as soon as they are full; spans count from the start of the stream."""

    def __init__(self, pipeline: AudioWindows) -> None:
        front_end = pipeline.front_end
        super().__init__(front_end.log_mel.sample_rate, front_end.window_seconds, front_end.hop_seconds)
        self._pipeline = pipeline

    def hear(self, windows: Windows) -> Decoded | None:
        """See `PcmStream`."""
        rows, spans = windows
        return Decoded({INPUT: self._pipeline.log_mel(rows)}, tuple(spans)) if len(rows) else None

    def hear_last(self, windows: Windows) -> Decoded | None:
        """See `PcmStream`."""
        return self.hear(windows)
