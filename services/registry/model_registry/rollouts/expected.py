"""What a bundle's manifest promises of service, as far as rules look at it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from pipit.bundle.manifest import Manifest, ScoreHistogram
from pipit.fleet.types import SCORE_BINS


@dataclass(frozen=True, slots=True)
class Expected:
    """budget_seconds: in which an answer should be there. scores: shares of SCORE_BINS bins. None: it says nothing."""

    budget_seconds: float | None = None
    scores: tuple[float, ...] | None = None


def expected_of(manifest: Manifest) -> Expected:
    """Of the version that a rollout leads to."""
    expected = manifest.expected
    budget = expected.latency_budget_ms
    scores = None if expected.best_scores is None else _binned(expected.best_scores)
    return Expected(None if budget is None else budget / 1000.0, scores)


def _binned(histogram: ScoreHistogram) -> tuple[float, ...]:
    """In bins of the same width; between two ends of the bundle's own bins, scores are taken to lie evenly."""
    reached = [_share_up_to(histogram, (number + 1) / SCORE_BINS) for number in range(SCORE_BINS - 1)] + [1.0]
    return tuple(here - before for here, before in zip(reached, [0.0, *reached[:-1]], strict=True))


def _share_up_to(histogram: ScoreHistogram, score: float) -> float:
    ends, shares = (0.0, *histogram.upper), (0.0, *histogram.share)
    place = bisect_left(ends, score - 1e-9)
    if place == len(ends):
        return shares[-1]
    if place == 0:
        return 0.0
    width = ends[place] - ends[place - 1]
    part = (score - ends[place - 1]) / width if width else 1.0
    return shares[place - 1] + min(1.0, part) * (shares[place] - shares[place - 1])
