"""The work behind the three calls of every server of `bench_peers.py`, with Pipit's own pipeline and runtime.

Each server is measured around the same code and the same file of weights, so what differs is the server. It runs in the
peer's environment, and imports no more than it needs.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.bundle import open_bundle
from pipit.inputs import EncodedAudio
from pipit.pipelines import load_pipeline
from pipit.runtimes import load_runtime

BUNDLE = "PEER_BUNDLE"
"""The variable that names the bundle's folder: frameworks that start their own workers pass on no arguments."""
VARIANT = "int8"


class Work:
    """Safe to call from several threads."""

    def __init__(self, bundle: Path, interpreters: int) -> None:
        """interpreters: of this process, each with one thread; so many runs may go on at once."""
        opened = open_bundle(bundle)
        runtime = opened.manifest.variant(VARIANT).runtime
        self._pipeline = load_pipeline(opened.manifest)
        self._network = load_runtime(opened.weights(VARIANT), runtime, threads=1, instances=interpreters)
        self._input, self._output = self._network.inputs[0], self._network.outputs[0].name

    def tensor(self, log_mel: bytes) -> NDArray[np.float32]:
        """log_mel: one row of the network's input, float32, little-endian, C order. Gives the logits, (outputs,)."""
        values = np.frombuffer(log_mel, np.float32).reshape(1, *self._input.shape)
        logits: NDArray[np.float32] = self._network.run({self._input.name: values})[self._output][0]
        return logits

    def clip(self, wav: bytes) -> dict[str, float]:
        """wav: an encoded recording of one window. Gives the score of every label."""
        decoded = self._pipeline.decode(EncodedAudio(wav))
        (prediction,) = self._pipeline.interpret(self._network.run(decoded.tensors), decoded)
        return {score.label: score.score for score in prediction.scores}


def work_of_this_process(interpreters: int) -> Work:
    """With the bundle that the variable names."""
    return Work(Path(os.environ[BUNDLE]), interpreters)
