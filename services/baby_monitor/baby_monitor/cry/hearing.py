"""Windows of sound to rows of the network's input, the gate's score first. The same in the trainer and on the device.

    window ─┬─> log-mel in patches ─> YAMNet ─┬─> is there a cry?  ──> column 0
            │                                 └─> embedding        ──> further columns (embedding)
            ├─> log-mel ─────────────────────────────────────────────> further columns (log_mel)
            ├─> log-mel as Whisper has it ───────────────────────────> further columns (speech)
            └────────────────────────────────────────────────────────> further columns (samples)

Why somebody cries is asked of a network of our own; whether somebody cries, of YAMNet, which was trained on two million
clips of AudioSet. Its file travels with the bundle. The score goes through our network untouched, so that whoever asks
it by tensors sees the same decision. Without a gate every sound is taken for a cry.

Source: https://github.com/tensorflow/models/tree/master/research/audioset/yamnet (Apache-2.0).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs.audio import PATCH_FRAMES, WHISPER, LogMel, level_patches
from pipit.pipelines.audio_windows import FrontEnd
from pipit.runtimes import Runtime

Rows = NDArray[np.float32]
Takes = Literal["embedding", "log_mel", "speech", "samples"]
"""What the task's own network hears."""
TAKES: tuple[Takes, ...] = ("embedding", "log_mel", "speech", "samples")

GATE = "yamnet"
"""The name of the network in a bundle."""
GATE_INPUT, EMBEDDING, SCORES = "input", "embedding", "scores"
EMBEDDING_SIZE = 1024
CRIES = slice(19, 21)
"""YAMNet's classes "Crying, sobbing" and "Baby cry, infant cry"."""
SPEECH_LEVEL = 1.5
"""log10 of the power that Whisper's loudest band is taken to have: every window is brought to one level."""


class Hearing:
    """Callable, shared by threads."""

    def __init__(self, front_end: FrontEnd, takes: Takes, gate: Runtime | None) -> None:
        """gate: YAMNet behind its front end. Raises InvalidInput for what does not fit together."""
        if takes not in TAKES:
            raise InvalidInput(f"a network of cries takes {', '.join(TAKES)}, not {takes!r}")
        if not front_end.in_patches:
            raise InvalidInput(f"cries are heard with the front end yamnet, not {front_end.name}")
        if takes == "embedding" and gate is None:
            raise InvalidInput("YAMNet's embedding needs YAMNet; the bundle has no network of that name")
        self.front_end = front_end
        self.takes = takes
        self._gate = gate
        self._log_mel = LogMel(front_end.log_mel)
        self._speech = LogMel(WHISPER)

    @property
    def size(self) -> int:
        """Columns of a row."""
        return 1 + int(np.prod(shape_of(self.front_end, self.takes)))

    @property
    def has_gate(self) -> bool:
        """Whether it can tell that nobody cries."""
        return self._gate is not None

    def __call__(self, windows: Rows) -> Rows:
        """(windows, samples) at the front end's rate to (windows, size)."""
        magnitudes = self._log_mel.magnitudes(windows)
        floor = np.float32(self.front_end.log_mel.floor)
        scores = np.ones(len(windows), np.float32)
        heard: Rows = windows
        if self._gate is not None:
            embeddings, scores = self._listen(level_patches(magnitudes, float(floor)))
            if self.takes == "embedding":
                heard = embeddings
        if self.takes == "log_mel":
            heard = np.log(magnitudes + floor)
        elif self.takes == "speech":
            # Whisper leaves out the last frame; its scale is (log10 of the power + 4) / 4.
            heard = (self._speech(windows)[..., :-1] / 10.0 + SPEECH_LEVEL + 4.0) / 4.0
        return np.concatenate([scores[:, np.newaxis], heard.reshape(len(windows), -1)], axis=1, dtype=np.float32)

    def _listen(self, patches: Rows) -> tuple[Rows, Rows]:
        """(windows, bands, patches * 96) to mean embeddings (windows, 1024) and best scores of a cry (windows,)."""
        assert self._gate is not None
        windows, bands, frames = patches.shape
        count = frames // PATCH_FRAMES
        given = patches.reshape(windows, bands, count, PATCH_FRAMES).transpose(0, 2, 3, 1)
        found = self._gate.run({GATE_INPUT: np.ascontiguousarray(given.reshape(-1, 1, PATCH_FRAMES, bands))})
        embeddings = found[EMBEDDING].reshape(windows, count, EMBEDDING_SIZE).mean(axis=1)
        scores = found[SCORES][:, CRIES].reshape(windows, -1).max(axis=1)
        return embeddings, scores


def shape_of(front_end: FrontEnd, takes: Takes) -> tuple[int, ...]:
    """Of what the network hears of one window, behind the gate's score."""
    if takes == "embedding":
        return (EMBEDDING_SIZE,)
    if takes == "samples":
        return (front_end.samples,)
    if takes == "speech":
        return WHISPER.bands, WHISPER.frames(front_end.samples) - 1
    return front_end.log_mel.bands, front_end.log_mel.frames(front_end.samples)
