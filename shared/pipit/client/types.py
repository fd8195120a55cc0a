"""What a server says, as a client sees it. The parts of an answer are those of `pipit.types`."""

from __future__ import annotations

from dataclasses import dataclass

from pipit.errors import PipitError
from pipit.rpc.client import error_of
from pipit.types import Identity, LabelScore, Prediction, StageTimes, said


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one input. predictions: one for each part of it that was looked at: a window of sound, a face."""

    request_id: str
    predictions: tuple[Prediction, ...]
    model: Identity
    times: StageTimes

    @property
    def label(self) -> str:
        """What the answer says of the whole input, "" for nothing; `pipit.answers` is the rule."""
        answer = said(self.predictions)
        return "" if answer is None else answer.label

    @property
    def detected(self) -> tuple[LabelScore, ...]:
        """Every label that was detected in any part, once, with its highest score; the best first."""
        best: dict[str, LabelScore] = {}
        for score in (score for part in self.predictions for score in part.scores if score.detected):
            if score.label not in best or best[score.label].score < score.score:
                best[score.label] = score
        return tuple(sorted(best.values(), key=lambda score: -score.score))


@dataclass(frozen=True, slots=True)
class Refusal:
    """One input of a stream that could not be answered; the stream went on.

    code: a canonical gRPC status code. reason: which of its meanings, where it has several.
    """

    request_id: str
    code: int
    message: str
    reason: str = ""

    @property
    def error(self) -> PipitError:
        """What `classify` would have raised."""
        return error_of(self.code, self.message, self.reason)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer had said ("" for nothing), and whether that was right."""

    model: Identity
    predicted: str
    was_right: bool
