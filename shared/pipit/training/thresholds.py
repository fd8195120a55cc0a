"""From which score on a label counts as detected; chosen on validation data, never on test data.

By a limit on false alarms, as follows; or, where a recipe says `least_precision`, by `pipit.training.least_precision`.

For each label, the samples of all other labels are its negatives. With n of them, a threshold that lets k through is
allowed if (k + 1) / (n + 1) is under the limit: then a new negative passes with a probability under the limit,
whatever the distribution of scores, if it is drawn like the others (split conformal prediction; for the background,
conformal risk control, https://arxiv.org/abs/2208.02814). The added one is what few negatives cost: with 100 of them
and 5 %, four may pass, not five. With fewer than 1 / limit nothing can be promised; then none may pass.

    scores of negatives   - -- - ---- -  - -      -
    scores of positives           +    +     + ++ + ++ +
    let through                          ^ k more negatives lie above: the lowest threshold allowed
    chosen                                 ^ as many positives, fewer negatives, in the middle of the gap

Of all thresholds that are allowed the lowest finds the most positives. Up to the lowest positive found, every higher
one finds as many, so the choice is the middle between that one and the next score below. No threshold keeps out a
negative with the score 1: if there are too many of them, the threshold is 1 and the evaluation shows the rate.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipit.answers import DEFAULT_THRESHOLD
from pipit.bundle.manifest import Decision
from pipit.training.alarms import alarmed
from pipit.training.evaluation import Scores, Truth, check_inputs
from pipit.training.least_precision import least_precision_threshold
from pipit.training.recipe import ThresholdRule

FEWEST_ANSWERS = 20
"""A share of fewer samples than these proves nothing."""


def choose_decision(
    labels: Sequence[str],
    truth: Truth,
    scores: Scores,
    rule: ThresholdRule,
    background: str | None = None,
    experimental: Sequence[str] = (),
    groups: Mapping[str, tuple[str, ...]] | None = None,
    recordings: Sequence[str] | NDArray[np.object_] | None = None,
) -> Decision:
    """All that a bundle needs to turn scores into answers. Arguments: as for `choose_thresholds`.

    groups: labels that belong together, by a name that is no label; see `pipit.answers`. recordings: of each sample,
    for `least_precision`.
    """
    groups = groups or {}
    below, lowest = unknown_below(truth, scores, rule.unknown_share), rule.lowest
    if rule.right_share:
        # What is not said must not be detected either.
        below = answered_from(scores.argmax(axis=1) == truth, scores.max(axis=1), rule.right_share)
        lowest = max(lowest, below)
    if rule.least_precision:
        check_inputs(labels, truth, scores, None, {background} if background else set())
        names = [""] * len(truth) if recordings is None else recordings
        thresholds = {
            label: max(lowest, least_precision_threshold(scores[:, index], truth == index, names, rule.least_precision))
            for index, label in enumerate(labels)
            if label != background
        }
    else:
        thresholds = choose_thresholds(
            labels, truth, scores, rule.false_positive_rate, background, lowest, experimental
        )
    if groups and rule.right_share:
        limit = _groups_from(labels, truth, scores, groups, below, rule.right_share)
        thresholds.update(dict.fromkeys(groups, limit))
    return Decision(
        thresholds=thresholds,
        background=background,
        experimental=tuple(experimental),
        groups=dict(groups),
        unknown_below=below,
        uncertain_margin=uncertain_margin(scores, rule.uncertain_share),
    )


def choose_thresholds(
    labels: Sequence[str],
    truth: Truth,
    scores: Scores,
    false_positive_rate: float,
    background: str | None = None,
    lowest: float = 0.0,
    experimental: Sequence[str] = (),
) -> dict[str, float]:
    """A threshold for each label but `background`; see above. truth: (samples,); scores: 0..1, (samples, labels).

    background: a label on which no other may be detected. With it, all thresholds are raised together until the share
    of its samples with any detection is under the limit too: ten labels with 5 % each would be a noisy house.
    lowest: no threshold lies below it, however clean the samples are. experimental: labels that are never detected, so
    that they raise nobody else's threshold; they get one all the same, for whoever wants to try.
    Raises InvalidInput for no samples, shapes that do not fit, scores that are not finite.
    """
    check_inputs(labels, truth, scores, None, {background} if background else set())
    wanted = [label for label in labels if label != background and label not in experimental]

    def at(limit: float) -> dict[str, float]:
        return {
            label: max(lowest, _threshold(scores[truth != index, index], scores[truth == index, index], limit))
            for index, label in enumerate(labels)
            if label != background
        }

    quiet = np.zeros(len(truth), bool) if background is None else truth == list(labels).index(background)
    if not quiet.any():
        return at(false_positive_rate)
    allowed = max(0, _may_pass(int(quiet.sum()), false_positive_rate))

    def is_quiet(limit: float) -> bool:
        return int(alarmed(labels, scores[quiet], at(limit), wanted).sum()) <= allowed

    return at(_largest(_limits(labels, truth, false_positive_rate), is_quiet))


def unknown_below(truth: Truth, scores: Scores, share: float) -> float:
    """The highest bound that calls no more than `share` of the rightly answered samples unknown; 0 for a share of 0."""
    right = scores.argmax(axis=1) == truth
    return _lowest_share(scores.max(axis=1)[right], share)


def answered_from(right: NDArray[np.bool_], scores: NDArray[np.floating], share: float) -> float:
    """The lowest bound from which on so many answers are right; 1 where no bound with `FEWEST_ANSWERS` does that.

    right: whether the best label of each sample is its own. scores: of that label.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(order) + 1)
    # Of equal scores, a bound takes all or none.
    last = np.append(np.diff(scores[order]) != 0, True)
    enough = last & (np.cumsum(right[order]) >= share * counts) & (counts >= FEWEST_ANSWERS)
    return float(np.clip(scores[order][np.flatnonzero(enough)[-1]], 0.0, 1.0)) if enough.any() else 1.0


def _groups_from(
    labels: Sequence[str],
    truth: Truth,
    scores: Scores,
    groups: Mapping[str, tuple[str, ...]],
    below: float,
    share: float,
) -> float:
    """The bound for groups, of samples that no label can be said of."""
    members = np.array([[label in group for label in labels] for group in groups.values()])
    open_ones = scores.max(axis=1) < below
    sums = scores[open_ones] @ members.T
    right = members[sums.argmax(axis=1), truth[open_ones]] if len(sums) else np.zeros(0, bool)
    return answered_from(right, sums.max(axis=1, initial=0.0), share)


def uncertain_margin(scores: Scores, share: float) -> float:
    """The widest margin between the two best labels that marks no more than `share` of the samples uncertain."""
    if scores.shape[1] < 2:
        return 0.0
    second, best = np.sort(scores, axis=1)[:, -2:].T
    return _lowest_share(best - second, share)


def rare_labels(
    labels: Sequence[str], groups: Iterable[tuple[str, str]], least: int, background: str | None
) -> tuple[str, ...]:
    """Those of `labels`, but not the background, with fewer than `least` groups. groups: label and group of samples."""
    counts = Counter(label for label, _ in set(groups))
    return tuple(label for label in labels if counts[label] < least and label != background)


def _may_pass(negatives: int, limit: float) -> int:
    """How many of the negatives may be detected; -1 if there are too few to promise anything."""
    # The largest k with (k + 1) / (n + 1) < limit.
    return math.ceil(limit * (negatives + 1)) - 2


def _threshold(negatives: NDArray[np.floating], positives: NDArray[np.floating], limit: float) -> float:
    if not len(negatives):
        return DEFAULT_THRESHOLD
    descending = np.sort(negatives)[::-1]
    floor = descending[max(0, _may_pass(len(negatives), limit))]  # Stays below the threshold; so does all beneath it.
    if floor >= 1.0:
        return 1.0
    found = positives[positives > floor]
    above = found.min() if len(found) else floor.dtype.type(1.0)
    everything = np.concatenate([negatives, positives])
    below = everything[everything < above].max()
    middle = below + (above - below) / 2
    # Between two neighbours of the type there is no middle.
    return float(middle if middle > below else above)


def _limits(labels: Sequence[str], truth: Truth, limit: float) -> list[float]:
    """Limits up to `limit`, ascending, one for each number of negatives that may pass."""
    negatives = {int((truth != index).sum()) for index in range(len(labels))}
    steps = {k / (n + 1) for n in negatives for k in range(1, _may_pass(n, limit) + 2)}
    return sorted({step for step in steps if step < limit} | {limit})


def _largest(limits: Sequence[float], fits: Callable[[float], bool]) -> float:
    """The last of `limits` that fits, where all before one that fits do; the first if none does."""
    low, high = 0, len(limits)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(limits[middle]) else (low, middle)
    return limits[low]


def _lowest_share(values: NDArray[np.floating], share: float) -> float:
    """The largest bound under which lies no more than `share` of the values; within 0..1."""
    count = math.floor(share * len(values))
    if not share or count >= len(values):
        return 0.0
    return float(np.clip(np.sort(values)[count], 0.0, 1.0))
