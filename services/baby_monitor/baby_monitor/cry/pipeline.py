"""What a device does for `baby_monitor.cry`: sound to episodes, and the network's logits to one answer for each.

    clip or stream ─> windows ─> the gate (YAMNet) ─> episodes ─> [network] ─> mean log-odds of an episode ─> the answer

`no_cry` is the gate's answer, and no other label has a score then. Within an episode `no_cry` has none: the best of the
reasons is said if its score reaches `unknown_below`, else the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.answers import predict, softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input, TensorInput
from pipit.inputs.audio import cut_windows, decode_audio, resample
from pipit.pipelines.audio_windows import front_end_of
from pipit.pipelines.rows import outputs_of, take_rows
from pipit.runtimes import Runtime
from pipit.types import Decoded, Prediction, Region, Tensors

from baby_monitor.cry.episodes import Episodes, rule_of
from baby_monitor.cry.hearing import GATE, Hearing
from baby_monitor.cry.labels import NO_CRY
from baby_monitor.cry.stream import INPUT, CryDecoded, CryStream, Row, decoded, listen

OUTPUT = "answers"
NONE: Mapping[str, Runtime] = MappingProxyType({})


class CryPipeline:
    """`baby_monitor.cry`. Shared by threads."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """networks: `yamnet`, the gate; a bundle without it takes every sound for a cry.

        Parameters: those of the front end, `takes` (see `Hearing`) and `episodes` (see `EpisodeRule`). Raises
        InvalidInput for what is missing or wrong.
        """
        parameters = manifest.pipeline.parameters
        try:
            takes, rule = parameters["takes"], parameters["episodes"]
        except KeyError as error:
            raise InvalidInput(f"the bundle's pipeline parameters lack {error}; make it anew") from error
        self._hearing = Hearing(front_end_of(parameters), takes, networks.get(GATE))
        self._rule = rule_of(rule)
        self._labels = manifest.labels
        if (NO_CRY in manifest.labels) != self._hearing.has_gate or NO_CRY in manifest.labels[1:]:
            raise InvalidInput(f"a bundle with a gate has {NO_CRY} as its first label, others have no such label")
        self._decision = manifest.decision
        # In an episode the background is ruled out, and the best of the other labels counts.
        self._within = manifest.decision.model_copy(update={"background": None})

    def decode(self, item: Input) -> Decoded:
        """A recording: `heard`, float32, the rows of all windows of its episodes, and which of them belong together.

        A tensor of one row, or of rows, is taken as it is, each an answer of its own. Raises InvalidInput,
        InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return take_rows(item, INPUT, (self._hearing.size,))
        samples, rate = decode_audio(item)
        front_end = self._hearing.front_end
        wanted = front_end.log_mel.sample_rate
        windows = cut_windows(resample(samples, rate, wanted), wanted, front_end.window_seconds, front_end.hop_seconds)
        episodes: Episodes[Row] = Episodes(self._rule)
        answers = [*listen(self._hearing, episodes, *windows), *episodes.finish()]
        cries = [answer for answer in answers if answer.is_cry]
        # Of a recording it is of interest when somebody cried; that nobody did is said once.
        span = type(answers[0].span)(answers[0].span.start, max(answer.span.end for answer in answers))
        return decoded(cries or [type(answers[0])(span)], self._hearing.size)

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `answers`, shape (rows, 1 + reasons), the gate's score first. One prediction an answer."""
        reasons = len(self._labels) - self._hearing.has_gate
        values = np.zeros((0, 1 + reasons), np.float32)
        if decoded.regions:
            values = outputs_of(outputs, OUTPUT, decoded, 1 + reasons)
        if isinstance(decoded, CryDecoded):
            return [
                self._predict(values[list(answer.rows), 1:].mean(axis=0) if answer.is_cry else None, answer.span)
                for answer in decoded.answers
            ]
        return [
            self._predict(row[1:] if row[0] >= self._rule.enter else None, region)
            for row, region in zip(values, decoded.regions, strict=True)
        ]

    def open_stream(self) -> CryStream:
        """For PCM that comes piece by piece."""
        return CryStream(self._hearing, self._rule)

    def _predict(self, logits: NDArray[np.float32] | None, region: Region) -> Prediction:
        """logits: of the reasons, (reasons,); None where nobody cries."""
        if logits is None:
            scores = np.array([label == NO_CRY for label in self._labels], np.float32)
            return predict(scores, self._labels, self._decision, region)
        scores = scores_of(np.concatenate([[1.0], logits])[np.newaxis], 0.0, self._hearing.has_gate)[0]
        return predict(scores, self._labels, self._within, region)


def scores_of(outputs: NDArray[Any], enter: float, has_gate: bool) -> NDArray[np.float32]:
    """Scores of labels from the network's outputs, (rows, 1 + reasons): one answer a row. enter: of the gate."""
    scores = softmax(outputs[:, 1:])
    if not has_gate:
        return scores
    cries = outputs[:, :1] >= enter
    return np.concatenate([~cries, np.where(cries, scores, 0.0)], axis=1, dtype=np.float32)
