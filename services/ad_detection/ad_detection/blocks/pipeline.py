"""What a device does for `ad_detection.blocks`.

    scores of members, with their times -> [vote] -> how likely an advertisement runs -> policy -> in a break or not

`Classify` takes the table of a recording, and decides over all of it: what to skip. `ClassifyStream` takes moment by
moment, and decides at once: what to mute. Nothing of a trainer may be imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pipit.answers import nothing_measured, predict, softmax
from pipit.blocks.live import LivePolicy
from pipit.blocks.offline import Block, edges_of, find_blocks
from pipit.blocks.policy import policy_of
from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import Input, TensorInput, describe
from pipit.pipelines.rows import outputs_of, predictions, take_rows
from pipit.types import Decoded, Prediction, Region, Tensors, TimeSpan

from ad_detection.blocks.ensemble import Ensemble, ensemble_of

INPUT = "rows"
OUTPUT = "logits"
SCORES = "scores"
"""The name under which a caller sends members' scores."""
AD, CONTENT = LABELS = ("ad", "content")
LONGEST = 1 << 20
"""Moments of one recording."""


@dataclass(frozen=True, slots=True)
class Recorded(Decoded):
    """A whole recording. seconds: of the moments."""

    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Looked(Decoded):
    """A stream's moment. live: of the stream."""

    live: LivePolicy
    seconds: float


class BlocksPipeline:
    """`ad_detection.blocks`. Shared by threads."""

    def __init__(self, manifest: Manifest) -> None:
        """Parameters: `members`, `voting`, `weights`, `bias`; the policies `mute`, `skip`. Raises InvalidInput."""
        if manifest.labels != LABELS:
            raise InvalidInput(f"a bundle of blocks has the labels {', '.join(LABELS)}, not {manifest.labels}")
        parameters = manifest.pipeline.parameters
        self.ensemble: Ensemble = ensemble_of(parameters)
        self.mute, self.skip = (policy_of(parameters.get(mode, {})) for mode in ("mute", "skip"))
        self._decision = manifest.decision

    def decode(self, item: Input) -> Decoded:
        """A tensor named `scores`, (moments, 1 + members): seconds, growing, then the members' scores, NaN for none.

        A tensor named `rows`, or without a name, is the network's input as it is. Raises InvalidInput, InputTooLarge.
        """
        members = len(self.ensemble.members)
        if not isinstance(item, TensorInput):
            raise InvalidInput(f"this task takes a tensor named {SCORES!r} with {self.wanted}, not {describe(item)}")
        if item.name != SCORES:
            return take_rows(item, INPUT, (2, members), f"members' scores go into a tensor named {SCORES!r}")
        values = item.values
        if values.ndim != 2 or values.shape[1] != 1 + members or not len(values):
            raise InvalidInput(f"{SCORES} must be of shape (moments, {1 + members}): {self.wanted}")
        if len(values) > LONGEST:
            raise InputTooLarge(f"{len(values)} moments are over {LONGEST}; send the recording in parts")
        seconds = np.asarray(values[:, 0], np.float64)
        if not np.isfinite(seconds).all() or (np.diff(seconds) <= 0.0).any():
            raise InvalidInput("the seconds of a recording have to grow from moment to moment")
        edges = edges_of(seconds).tolist()
        spans = tuple(TimeSpan(start, end) for start, end in pairwise(edges))
        return Recorded({INPUT: self.ensemble.rows(values[:, 1:])}, spans, seconds)

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, (moments, 2). One prediction a moment: the vote's scores, and what the policy says.

        `quality` is how much of the vote was there; live, `region_score` is how likely a break runs by all that came.
        """
        scores = softmax(outputs_of(outputs, OUTPUT, decoded, len(LABELS)))
        rows = decoded.tensors[INPUT]
        share = self.ensemble.share(rows)
        known = np.where(share > 0.0, scores[:, 0].astype(np.float64), np.nan)
        if isinstance(decoded, Recorded):
            inside = self._skipped(decoded, known)
            return [
                self._said(*one)
                for one in zip(scores, decoded.regions, share.tolist(), inside, [None] * len(rows), strict=True)
            ]
        if isinstance(decoded, Looked):
            whole = bool(self.ensemble.is_whole(rows)[0])
            moment = decoded.live.step(decoded.seconds, float(known[0]), whole=whole)
            likely = None if np.isnan(moment.probability) else moment.probability
            return [self._said(scores[0], decoded.regions[0], float(share[0]), moment.inside, likely)]
        return predictions(scores, LABELS, self._decision, decoded)

    def open_stream(self) -> BlocksStream:
        """For moments that come one by one."""
        return BlocksStream(self)

    @property
    def wanted(self) -> str:
        """What a caller sends, for messages."""
        return f"seconds, {', '.join(self.ensemble.names)}"

    def _skipped(self, decoded: Recorded, known: NDArray[np.float64]) -> Sequence[bool]:
        blocks = find_blocks(decoded.seconds, known, self.skip)
        inside = np.zeros(len(known), bool)
        for start, end in blocks:
            inside |= (decoded.seconds >= start) & (decoded.seconds <= end)
        found: list[bool] = inside.tolist()
        return found

    def _said(
        self, scores: NDArray[np.float32], region: Region, share: float, inside: bool, likely: float | None
    ) -> Prediction:
        prediction = predict(scores, LABELS, self._decision, region)
        told = tuple(replace(score, detected=inside and score.label == AD) for score in prediction.scores)
        prediction = replace(prediction, scores=told, label=AD if inside else CONTENT, unknown=False)
        if not share and not inside:
            prediction = nothing_measured(prediction)
        return replace(prediction, quality=share, region_score=likely)


class BlocksStream:
    """One viewer's stream; see `pipit.pipelines.StreamDecoder`. Time is what the caller says; else a moment a second.

    Seeking is a new stream. While a viewer pauses, nothing is sent, and the stream's seconds stand still.
    """

    def __init__(self, pipeline: BlocksPipeline) -> None:
        self._pipeline = pipeline
        self._live = LivePolicy(pipeline.mute)
        self._begun = False
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        """One moment's scores. A table of a recording is answered by itself."""
        return isinstance(item, TensorInput) and item.name == SCORES and item.values.ndim == 1

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """A tensor named `scores`, (members,), NaN for none. Raises InvalidInput."""
        if not isinstance(item, TensorInput) or not self.takes(item):
            raise InvalidInput(f"a stream of blocks takes tensors named {SCORES!r}, (members,), not {describe(item)}")
        rows = self._pipeline.ensemble.rows(item.values[np.newaxis])
        before = self.seconds
        if seconds is None:
            seconds = before + 1.0 if self._begun else before
        span = TimeSpan(before if self._begun else seconds, seconds)
        self.seconds, self._begun = seconds, True
        return Looked({INPUT: rows}, (span,), self._live, seconds)

    def finish(self) -> Decoded | None:
        """Every moment was answered when it came."""
        return None


def said_breaks(predictions: Sequence[Prediction]) -> list[Block]:
    """What an answer about a recording says of breaks."""
    found: list[Block] = []
    for prediction in predictions:
        span = prediction.region
        if prediction.label != AD or not isinstance(span, TimeSpan) or span.end <= span.start:
            continue
        if found and found[-1][1] == span.start:
            found[-1] = (found[-1][0], span.end)
        else:
            found.append((span.start, span.end))
    return found
