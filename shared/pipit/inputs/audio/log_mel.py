"""Log-mel spectrograms in numpy alone: an inference image needs neither librosa nor scipy.

As in librosa, windows and transforms are float64 and what follows is float32. In float32 throughout, quiet bands beside
loud ones would be off by a thousandth of a decibel, for a gain of a quarter of the time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs.audio.mel_filters import htk_filters, slaney_filters

Samples = NDArray[np.float32]

FRAMES_PER_BLOCK = 32
"""That are transformed at a time: the work of one block stays in a Pi's second-level cache."""
FRAMES_PER_PRODUCT = 128
"""That are multiplied with the filters at a time. A multiple of FRAMES_PER_BLOCK."""
SMALL_PRODUCT = 1 << 18
"""Multiplications up to which OpenBLAS wakes no threads of its own (its interface/gemm.c). That would cost more than it
gains here, and they spin against the server's."""


@dataclass(frozen=True, slots=True)
class LogMelParameters:
    """What is computed. Lengths in samples, frequencies in Hz."""

    sample_rate: int
    window_length: int
    """Of the periodic Hann window."""
    hop_length: int
    fft_length: int
    """At least `window_length`; the rest is zeros."""
    bands: int
    low_hz: float
    high_hz: float
    filters: Literal["slaney", "htk"]
    exponent: Literal[1, 2]
    """Of the magnitude, before the filters: 1 amplitude, 2 power."""
    centered: bool
    """Frame t has its middle at t * hop_length, and zeros stand before and after the clip."""
    compression: Literal["decibel", "log"]
    """decibel: 10 log10(max(mel, floor)) relative to the clip's largest value. log: ln(mel + floor)."""
    floor: float
    range_db: float = 80.0
    """decibel: values lie in -range_db .. 0."""

    def frames(self, samples: int) -> int:
        """How many frames that many samples give."""
        padded = samples + 2 * (self.window_length // 2) if self.centered else samples
        return max(0, 1 + (padded - self.window_length) // self.hop_length)


LIBROSA_22K = LogMelParameters(
    sample_rate=22_050,
    window_length=2_048,
    hop_length=512,
    fft_length=2_048,
    bands=128,
    low_hz=0.0,
    high_hz=11_025.0,
    filters="slaney",
    exponent=2,
    centered=True,
    compression="decibel",
    floor=1e-10,
)
"""`librosa.power_to_db(librosa.feature.melspectrogram(y=…, sr=22050, n_mels=128), ref=np.max)`: 5 s give 128 x 216."""

YAMNET = LogMelParameters(
    sample_rate=16_000,
    window_length=400,
    hop_length=160,
    fft_length=512,
    bands=64,
    low_hz=125.0,
    high_hz=7_500.0,
    filters="htk",
    exponent=1,
    centered=False,
    compression="log",
    floor=0.001,
)
"""The front end of YAMNet (tensorflow/models, research/audioset/yamnet/features.py): 15,600 samples give 64 x 96."""

WHISPER = LogMelParameters(
    sample_rate=16_000,
    window_length=400,
    hop_length=160,
    fft_length=400,
    bands=80,
    low_hz=0.0,
    high_hz=8_000.0,
    filters="slaney",
    exponent=2,
    centered=True,
    compression="decibel",
    floor=1e-10,
)
"""The front end of Whisper (https://github.com/openai/whisper, `audio.py`), relative to the loudest; zeros stand before
and after a clip, where Whisper has its mirrored sound."""


@dataclass(frozen=True, slots=True)
class _BandGroup:
    """Neighbouring bands, multiplied with just the bins that they touch: an eighth of the full product.

    weights: (bins, bands).
    """

    bands: slice
    bins: slice
    weights: NDArray[np.float32]


class _Work:
    """Buffers of one call, kept for the next one: fresh ones would cost page faults each time."""

    def __init__(self, parameters: LogMelParameters) -> None:
        bins = parameters.fft_length // 2 + 1
        self.frames = np.zeros((FRAMES_PER_BLOCK, parameters.fft_length), np.float64)
        self.spectrum = np.empty((FRAMES_PER_BLOCK, bins), np.complex128)
        self.magnitude = np.empty((FRAMES_PER_PRODUCT, bins), np.float32)


class LogMel:
    """Callable, made once and shared by threads; pickles as its parameters."""

    def __init__(self, parameters: LogMelParameters) -> None:
        """Raises InvalidInput for lengths that do not fit together."""
        if not 0 < parameters.window_length <= parameters.fft_length or parameters.hop_length < 1:
            raise InvalidInput("log-mel needs 0 < window_length <= fft_length and hop_length >= 1")
        self.parameters = parameters
        angles = 2.0 * np.pi * np.arange(parameters.window_length) / parameters.window_length
        window = np.zeros(parameters.fft_length)
        window[: parameters.window_length] = 0.5 - 0.5 * np.cos(angles)
        # Once for each frame of a block: one long multiplication takes half the time of many of a frame's length.
        self._windows = np.tile(window, (FRAMES_PER_BLOCK, 1))
        self._groups = _band_groups(parameters)
        # As many as calls were at work at once, not as many as there are threads.
        self._works: deque[_Work] = deque()

    def __reduce__(self) -> tuple[type[LogMel], tuple[LogMelParameters]]:
        return LogMel, (self.parameters,)

    def __call__(self, samples: Samples) -> Samples:
        """(..., samples) to (..., bands, frames), float32; each clip is computed for itself.

        samples: finite, full scale at -1 and 1. A silent clip gives 0 dB everywhere (decibel) or ln(floor) (log).
        Raises InvalidInput for a clip too short for one frame.
        """
        mel = self.magnitudes(samples)
        for clip in mel.reshape(-1, *mel.shape[-2:]):
            self._compress(clip)
        return mel

    def magnitudes(self, samples: Samples) -> Samples:
        """The same before it is compressed: magnitudes or powers, 0 for silence."""
        samples = np.asarray(samples, np.float32)
        frames = self.parameters.frames(samples.shape[-1])
        if not samples.shape[-1] or not frames:
            raise InvalidInput(f"{samples.shape[-1]} samples are too few for one frame of log-mel; pad the clip")
        clips = samples.reshape(-1, samples.shape[-1])
        mel = np.empty((len(clips), self.parameters.bands, frames), np.float32)
        try:
            work = self._works.pop()
        except IndexError:
            work = _Work(self.parameters)
        for clip, target in zip(clips, mel, strict=True):
            target[:] = self._mel(clip, frames, work).T
        self._works.append(work)
        return mel.reshape(*samples.shape[:-1], *mel.shape[1:])

    def _mel(self, clip: Samples, frames: int, work: _Work) -> Samples:
        """clip: (samples,). Gives (frames, bands)."""
        length = self.parameters.window_length
        margin = length // 2 if self.parameters.centered else 0
        samples = np.zeros(len(clip) + 2 * margin)
        samples[margin : margin + len(clip)] = clip
        framed = sliding_window_view(samples, length)[:: self.parameters.hop_length]
        mel = np.empty((frames, self.parameters.bands), np.float32)
        for first in range(0, frames, FRAMES_PER_PRODUCT):
            last = min(first + FRAMES_PER_PRODUCT, frames)
            magnitude = work.magnitude[: last - first]
            for start in range(first, last, FRAMES_PER_BLOCK):
                block = framed[start : min(start + FRAMES_PER_BLOCK, last)]
                self._transform(block, work, magnitude[start - first : start - first + len(block)])
            for group in self._groups:
                np.matmul(magnitude[:, group.bins], group.weights, out=mel[first:last, group.bands])
        return mel

    def _transform(self, block: NDArray[np.float64], work: _Work, magnitude: Samples) -> None:
        """block: (frames, window_length). Fills magnitude (frames, bins)."""
        frames, spectrum = work.frames[: len(block)], work.spectrum[: len(block)]
        frames[:, : self.parameters.window_length] = block
        np.multiply(frames, self._windows[: len(block)], out=frames)
        np.fft.rfft(frames, out=spectrum)
        parts = spectrum.view(np.float64)
        np.multiply(parts, parts, out=parts)
        np.add(parts[:, 0::2], parts[:, 1::2], out=magnitude)
        if self.parameters.exponent == 1:
            np.sqrt(magnitude, out=magnitude)

    def _compress(self, mel: Samples) -> None:
        """In place."""
        if self.parameters.compression == "log":
            mel += np.float32(self.parameters.floor)
            np.log(mel, out=mel)
            return
        np.maximum(mel, np.float32(self.parameters.floor), out=mel)
        np.log10(mel, out=mel)
        mel *= np.float32(10.0)
        mel -= mel.max()
        np.maximum(mel, np.float32(-self.parameters.range_db), out=mel)


def _band_groups(parameters: LogMelParameters) -> tuple[_BandGroup, ...]:
    make = slaney_filters if parameters.filters == "slaney" else htk_filters
    weights = make(
        parameters.sample_rate, parameters.fft_length, parameters.bands, parameters.low_hz, parameters.high_hz
    )
    groups = [_group(weights, 0, 1)]
    for band in range(1, parameters.bands):
        larger = _group(weights, groups[-1].bands.start, band + 1)
        if larger.weights.size * FRAMES_PER_PRODUCT <= SMALL_PRODUCT:
            groups[-1] = larger
        else:
            groups.append(_group(weights, band, band + 1))
    return tuple(groups)


def _group(weights: NDArray[np.float64], first: int, end: int) -> _BandGroup:
    """weights: (bands, bins). The bands from `first` to before `end`."""
    touched = np.flatnonzero(weights[first:end].any(axis=0))
    bins = slice(int(touched[0]), int(touched[-1]) + 1) if len(touched) else slice(0, 1)
    return _BandGroup(slice(first, end), bins, np.ascontiguousarray(weights[first:end, bins].T, np.float32))
