"""What a device does for `ad_detection.audio`.

    sound -> seconds -> the trailing window, every `hop` seconds -> [network] -> softmax -> thresholds

An answer's time span is the sound that it went by: shorter at the start, the whole window later. Dead sound is answered
by unknown and no label, whatever came before it. Nothing of a trainer may be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pipit.answers import nothing_measured, softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input, TensorInput
from pipit.inputs.audio import decode_audio, resample
from pipit.inputs.audio.stream import Windows
from pipit.pipelines.pcm_stream import PcmStream
from pipit.pipelines.rows import outputs_of, predictions, take_rows
from pipit.runtimes import Runtime
from pipit.types import Decoded, Prediction, Tensors, TimeSpan

from ad_detection.audio.hearing import HEARD, RATE, SECOND, YAMNET_NETWORK, Ear, Samples, Trailing, seconds_of

INPUT = "heard"
OUTPUT = "logits"
"""float32, (rows, labels)."""
LONGEST_WINDOW = 300
NONE: Mapping[str, Runtime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HeardRows(Decoded):
    """dead: whether a row's sound is dead, (rows,)."""

    dead: NDArray[np.bool_]
    repeatable: ClassVar[bool] = True


class AudioPipeline:
    """`ad_detection.audio`. Shared by threads."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """Parameters: `window` and `hop`, whole seconds. networks: `yamnet`, where the network takes its embedding.

        Raises InvalidInput.
        """
        parameters = manifest.pipeline.parameters
        try:
            self.window, self.hop = int(parameters["window"]), int(parameters["hop"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"the bundle's pipeline parameters are wrong ({type(error).__name__}: {error}); "
                "it needs window and hop, in seconds"
            ) from error
        if not 1 <= self.hop <= self.window <= LONGEST_WINDOW:
            raise InvalidInput(
                f"a window of {self.window} s every {self.hop} s can't be; it needs 1 <= hop <= window "
                f"<= {LONGEST_WINDOW}"
            )
        self.ear = Ear(networks.get(YAMNET_NETWORK))
        self._labels = manifest.labels
        self._decision = manifest.decision

    def decode(self, item: Input) -> Decoded:
        """A file or PCM: `heard`, float32, (rows, columns), a row every `hop` seconds and one of the end.

        A tensor of one row's shape, or of rows of it, is taken as it is. Raises InvalidInput, InputTooLarge; for less
        than 0.975 s too.
        """
        if isinstance(item, TensorInput):
            return take_rows(item, INPUT, (self.ear.columns,), "send sound, and not what was measured of it")
        samples, rate = decode_audio(item)
        samples = resample(samples, rate, RATE)
        rows = Rows(self)
        for second in seconds_of(samples):
            rows.push(second)
        found = rows.take(is_end=True)
        if found is None:
            raise InvalidInput(f"{len(samples) / RATE:.2f} s of sound are too few; send at least {HEARD / RATE:g} s")
        return found

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, (rows, labels). One prediction a row; of dead sound unknown, and without a label."""
        found = predictions(
            softmax(outputs_of(outputs, OUTPUT, decoded, len(self._labels))), self._labels, self._decision, decoded
        )
        if not isinstance(decoded, HeardRows):
            return found
        pairs = zip(found, decoded.dead.tolist(), strict=True)
        return [nothing_measured(prediction) if is_dead else prediction for prediction, is_dead in pairs]

    def open_stream(self) -> AudioStream:
        """For PCM that is pushed piece by piece."""
        return AudioStream(self)


class Rows:
    """Rows of one sound as they become ready."""

    def __init__(self, pipeline: AudioPipeline) -> None:
        self._hop = pipeline.hop
        self._trailing = Trailing(pipeline.ear, pipeline.window)
        self._last = 0
        self._rows: list[Samples] = []
        self._spans: list[TimeSpan] = []
        self._dead: list[bool] = []

    def push(self, second: Samples) -> None:
        """See `Ear.hear`."""
        self._trailing.push(second)
        if self._trailing.heard % self._hop == 0:
            self._add()

    def take(self, *, is_end: bool = False) -> HeardRows | None:
        """What became ready since; None for nothing. is_end: no second follows, so that the last one ends a row."""
        if is_end and self._trailing.heard > self._last:
            self._add()
        if not self._rows:
            return None
        found = HeardRows({INPUT: np.stack(self._rows)}, tuple(self._spans), np.array(self._dead))
        self._rows, self._spans, self._dead = [], [], []
        return found

    def _add(self) -> None:
        self._last = self._trailing.heard
        self._rows.append(self._trailing.row())
        self._spans.append(TimeSpan(float(self._last - self._trailing.length), float(self._last)))
        self._dead.append(self._trailing.is_dead)


class AudioStream(PcmStream):
    """One caller's PCM. Answers begin with the first `hop`, by what there is; times count from the stream's start."""

    def __init__(self, pipeline: AudioPipeline) -> None:
        super().__init__(RATE, 1.0, 1.0)
        self._rows = Rows(pipeline)
        self._whole = 0

    def hear(self, windows: Windows) -> Decoded | None:
        """See `PcmStream`."""
        self._hear(windows[0])
        return self._rows.take()

    def hear_last(self, windows: Windows) -> Decoded | None:
        """What remains; nothing of a stream that was shorter than 0.975 s."""
        pieces, spans = windows
        if spans and spans[-1].end < self._whole + len(pieces):
            # The last piece is filled up: at its start by what was heard already, or of a short stream by zeros.
            rest = round((spans[-1].end - (self._whole + len(pieces) - 1)) * SECOND)
            last = pieces[-1][:rest] if spans[-1].start == 0.0 else pieces[-1][len(pieces[-1]) - rest :]
            self._hear(pieces[:-1])
            if rest >= HEARD:
                self._rows.push(last)
        else:
            self._hear(pieces)
        return self._rows.take(is_end=True)

    def _hear(self, pieces: Samples) -> None:
        for piece in pieces:
            self._rows.push(piece)
        self._whole += len(pieces)
