"""Sound to log-mel windows, and the network's logits to answers. The same code in the trainer and on the device.

    decode_audio -> resample -> cut_windows -> LogMel -> [network] -> softmax -> thresholds

The network gives logits: softmax is done here, in float, so that an 8-bit output does not round probabilities to 1/256.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.answers import predict, softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input, PcmAudio, TensorInput, describe
from pipit.inputs.audio import (
    LIBROSA_22K,
    YAMNET,
    LogMel,
    LogMelParameters,
    StreamWindows,
    cut_windows,
    decode_audio,
    resample,
)
from pipit.types import Decoded, Prediction, Tensors, TimeSpan

FRONT_ENDS = {"librosa_22k": LIBROSA_22K, "yamnet": YAMNET}
INPUT = "log_mel"
OUTPUT = "logits"


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
        """Of one row of the network's input: (bands, frames, 1)."""
        return self.log_mel.bands, self.log_mel.frames(self.samples), 1


class SoundsPipeline:
    """`home_security.sounds`. Shared by threads."""

    def __init__(self, manifest: Manifest) -> None:
        """Raises InvalidInput for parameters that are missing or wrong.

        Parameters: `front_end`, `window_seconds`, `hop_seconds`; `output_labels`, the label that each output of the
        network counts to, where it tells more sounds apart than it has labels for.
        """
        parameters = manifest.pipeline.parameters
        try:
            self.front_end = FrontEnd(
                str(parameters["front_end"]), float(parameters["window_seconds"]), float(parameters["hop_seconds"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"the bundle's pipeline parameters are wrong ({error}); it needs front_end, window_seconds, hop_seconds"
            ) from error
        self._labels = manifest.labels
        self._collapse = Collapse(manifest.labels, tuple(parameters.get("output_labels", manifest.labels)))
        self._decision = manifest.decision
        self._log_mel = LogMel(self.front_end.log_mel)

    def decode(self, item: Input) -> Decoded:
        """Audio: `log_mel`, float32, shape (windows, bands, frames, 1), and each window's time span.

        A tensor of one row's shape, or of rows of it, is taken as it is. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return self._take_tensor(item)
        samples, rate = decode_audio(item)
        return self._windows(resample(samples, rate, self._rate), self._rate)

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, shape (windows, outputs). One prediction a window, every label scored."""
        logits = np.asarray(outputs[OUTPUT], np.float32)
        expected = (len(decoded.regions), self._collapse.outputs)
        if logits.shape != expected:
            raise InvalidInput(f"the network gave logits of shape {logits.shape}, not {expected}; the bundle is wrong")
        return [
            predict(row, self._labels, self._decision, region)
            for row, region in zip(self._collapse(logits), decoded.regions, strict=True)
        ]

    def open_stream(self) -> SoundStream:
        """For PCM pushed piece by piece."""
        return SoundStream(self)

    def log_mel(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(windows, samples) to (windows, bands, frames, 1)."""
        return self._log_mel(windows)[..., np.newaxis]

    @property
    def _rate(self) -> int:
        return self.front_end.log_mel.sample_rate

    def _windows(self, samples: NDArray[np.float32], rate: int) -> Decoded:
        rows, spans = cut_windows(samples, rate, self.front_end.window_seconds, self.front_end.hop_seconds)
        return Decoded({INPUT: self.log_mel(rows)}, tuple(spans))

    def _take_tensor(self, item: TensorInput) -> Decoded:
        if item.name not in ("", INPUT):
            raise InvalidInput(f"the network's only input is {INPUT!r}, not {item.name!r}")
        shape = self.front_end.shape
        values = item.values[np.newaxis] if item.values.ndim == len(shape) else item.values
        if values.dtype != np.float32 or values.shape[1:] != shape or not len(values):
            raise InvalidInput(
                f"{INPUT} must be float32 of shape {shape} or (rows, …), not {item.values.dtype} {item.values.shape}"
            )
        if not np.isfinite(values).all():
            raise InvalidInput(f"{INPUT} holds NaN or infinite values")
        return Decoded({INPUT: values}, (None,) * len(values))


class SoundStream:
    """One caller's PCM. Windows come as soon as they are full; spans count from the start of the stream."""

    def __init__(self, pipeline: SoundsPipeline) -> None:
        front_end = pipeline.front_end
        self._pipeline = pipeline
        self._windows = StreamWindows(front_end.log_mel.sample_rate, front_end.window_seconds, front_end.hop_seconds)
        self._begun = False
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        """PCM. A file is whole by itself, and pieces of a file are no files."""
        return isinstance(item, PcmAudio)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """Raises InvalidInput for anything but PCM. seconds: not looked at; samples tell their own time."""
        if not isinstance(item, PcmAudio):
            raise InvalidInput(f"a stream of sound takes PCM, not {describe(item)}; send files one by one")
        rows, spans = self._windows.push(item)
        self._begun = True
        self.seconds += len(item.samples) / item.sample_rate
        return self._decoded(rows, spans)

    def finish(self) -> Decoded | None:
        """The last window, filled with zeros if the stream was shorter than one."""
        if not self._begun:
            return None
        return self._decoded(*self._windows.finish())

    def _decoded(self, rows: NDArray[np.float32], spans: list[TimeSpan]) -> Decoded | None:
        return Decoded({INPUT: self._pipeline.log_mel(rows)}, tuple(spans)) if len(rows) else None


class Collapse:
    """From logits of a network's outputs to scores of labels: softmax, then the sum over each label's outputs."""

    def __init__(self, labels: Sequence[str], output_labels: Sequence[str]) -> None:
        """Raises InvalidInput for a label without an output, or an output of no label."""
        if set(labels) != set(output_labels):
            raise InvalidInput(f"the network's outputs stand for {sorted(set(output_labels))}, not {sorted(labels)}")
        self.outputs = len(output_labels)
        self._sums = np.array([[output == label for label in labels] for output in output_labels], np.float32)

    def __call__(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, outputs) to (rows, labels)."""
        scores: NDArray[np.float32] = np.minimum(softmax(logits) @ self._sums, np.float32(1.0))
        return scores
