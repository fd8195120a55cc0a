"""What windows counted, added up."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from operator import attrgetter

from pipit.errors import InvalidInput
from pipit.fleet.types import SCORE_BINS, Window, WindowKind

_BESIDE = (WindowKind.REPLAY, WindowKind.SHADOW)
_NO_SCORES = (0,) * SCORE_BINS


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over windows. failed: inputs that the version failed to answer; what was wrong with the input is no failure.

    scores: predictions by their best score, SCORE_BINS of them. seconds: of the longest window. latency_sum,
    latency_squares: of the answers' seconds.
    """

    answered: int = 0
    failed: int = 0
    over_budget: int = 0
    predictions: int = 0
    unknown: int = 0
    scores: tuple[int, ...] = _NO_SCORES
    right: int = 0
    wrong: int = 0
    disagreed: int = 0
    seconds: float = 0.0
    latency_sum: float = 0.0
    latency_squares: float = 0.0

    @property
    def requests(self) -> int:
        """Inputs that it should have answered."""
        return self.answered + self.failed

    def __add__(self, other: Counts) -> Counts:
        return total((self, other))


NOTHING = Counts()
_SUMMED = attrgetter(
    "answered",
    "failed",
    "over_budget",
    "predictions",
    "unknown",
    "right",
    "wrong",
    "disagreed",
    "latency_sum",
    "latency_squares",
)


def counts_of(window: Window, error_codes: Collection[str]) -> Counts:
    """Of one window. error_codes: names of gRPC statuses that are the version's own failure.

    An input that the version before has answered was no mistake of whoever sent it: a candidate that refuses it fails.
    """
    own = {*error_codes, InvalidInput.status} if window.kind in _BESIDE else error_codes
    scores = window.score_counts if len(window.score_counts) == SCORE_BINS else _NO_SCORES
    return Counts(
        window.answered,
        sum(count for code, count in window.errors.items() if code in own),
        window.over_budget,
        window.predictions,
        window.unknown,
        scores,
        window.feedback_right,
        window.feedback_wrong,
        window.disagreed,
        window.seconds,
        window.latency_sum,
        window.latency_squares,
    )


def total(counts: Iterable[Counts]) -> Counts:
    """All of them together; made once, for there may be thousands."""
    known = [one for one in counts if one is not NOTHING]
    if len(known) < 2:
        return known[0] if known else NOTHING
    answered, failed, over, predictions, unknown, right, wrong, disagreed, latency, squares = map(
        sum, zip(*map(_SUMMED, known), strict=True)
    )
    scores = tuple(map(sum, zip(*(one.scores for one in known), strict=True)))
    longest = max(one.seconds for one in known)
    return Counts(
        answered, failed, over, predictions, unknown, scores, right, wrong, disagreed, longest, latency, squares
    )
