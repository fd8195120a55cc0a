"""A linear support vector machine, one against the rest, fitted on the device that names faces.

    minimise  1/2 |w|^2 + 1/2 b^2 + sum of cost * max(0, 1 - sign * (w x + b))^2

the problem of scikit-learn's `LinearSVC`, whose answers a test compares. The objective is a parabola between the places
where a row enters or leaves the margin, so Newton's steps with an exact search along each end at the minimum itself:
there is no tolerance to choose, no order of rows, nothing drawn by chance.

Source: S. S. Keerthi, D. DeCoste, A Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs, Journal
of Machine Learning Research 6 (2005).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

Rows = NDArray[np.float64]
Vectors = NDArray[np.float32]
MOST_STEPS = 100
"""Of Newton's. It takes about ten; each lowers the objective, so what is left after these is close."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearSvm:
    """weights: shape (classes, dimensions). intercepts: (classes,)."""

    weights: Vectors
    intercepts: Vectors

    def of(self, index: int) -> Vectors:
        """The weights of one class, its intercept last."""
        return np.append(self.weights[index], self.intercepts[index])

    def decide(self, vectors: Vectors) -> Vectors:
        """How far each vector, (rows, dimensions), lies on each class's side: shape (rows, classes)."""
        decided: Vectors = vectors @ self.weights.T + self.intercepts
        return decided


@dataclass(frozen=True, slots=True)
class SvmSettings:
    """cost: what a row on the wrong side costs. balanced: a class's rows together cost as much as all others do."""

    cost: float = 1.0
    balanced: bool = True


def fit_svm(
    vectors: Vectors,
    classes: NDArray[np.int64],
    count: int,
    settings: SvmSettings,
    negatives: Mapping[int, Vectors] | None = None,
    before: Mapping[int, NDArray[np.floating]] | None = None,
) -> LinearSvm:
    """One classifier for each of the classes 0 … `count` - 1, each against all rows that are not of it.

    vectors: shape (rows, dimensions). classes: (rows,), -1 for strangers, who are of no class. negatives: further rows
    that count against one class alone. before: weights of some classes, the intercept last, to start from: where little
    has changed since, it takes fewer steps to the same minimum.

    Raises InvalidInput for a class without rows, or with nothing against it.
    """
    apart = {index: _with_ones(several) for index, several in (negatives or {}).items()}
    basis = _basis([_with_ones(vectors), *apart.values()])
    rows = _with_ones(vectors) @ basis
    whole = rows.T @ rows
    found = np.zeros((count, rows.shape[1]))
    for index in range(count):
        inside = classes == index
        hard = apart[index] @ basis if index in apart else rows[:0]
        against = len(rows) - int(inside.sum()) + len(hard)
        if not inside.any() or not against:
            raise InvalidInput(f"class {index} needs vectors of its own, and others; add a cohort of strangers")
        costs = _costs(int(inside.sum()), against, settings)
        of_class = np.concatenate([inside, np.zeros(len(hard), bool)])
        own = rows[inside]
        problem = _Problem(
            rows=np.concatenate([rows, hard]) if len(hard) else rows,
            signs=np.where(of_class, 1.0, -1.0),
            costs=np.where(of_class, costs[0], costs[1]),
            curvature=costs[1] * (whole + hard.T @ hard) + (costs[0] - costs[1]) * (own.T @ own),
        )
        start = before[index] @ basis if before and index in before else np.zeros(rows.shape[1])
        found[index] = problem.solve(start.astype(np.float64))
    weights = found @ basis.T
    return LinearSvm(weights[:, :-1].astype(np.float32), weights[:, -1].astype(np.float32))


def _basis(rows: Sequence[Rows]) -> Rows:
    """Orthonormal columns, (dimensions, fewer), in whose span all rows lie, and so the weights of any minimum."""
    every = np.concatenate(rows)
    if len(every) >= every.shape[1]:
        return np.eye(every.shape[1])
    return np.asarray(np.linalg.qr(every.T)[0])


def _with_ones(vectors: Vectors) -> Rows:
    return np.concatenate([vectors.astype(np.float64), np.ones((len(vectors), 1))], axis=1)


def _costs(inside: int, against: int, settings: SvmSettings) -> tuple[float, float]:
    """Of a row of the class, and of one against it; as scikit-learn's `class_weight="balanced"` gives them."""
    if not settings.balanced:
        return settings.cost, settings.cost
    half = settings.cost * (inside + against) / 2.0
    return half / inside, half / against


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """One classifier. curvature: of the objective without |w|^2 where every row lies inside its margin, halved."""

    rows: Rows
    signs: Rows
    costs: Rows
    curvature: Rows

    def solve(self, start: Rows) -> Rows:
        """Weights, the intercept last. start: any."""
        weights = start
        slack = 1.0 - self.signs * (self.rows @ start)
        for _ in range(MOST_STEPS):
            inside = slack > 0.0
            target = self._minimum(inside)
            reach = self.signs * (self.rows @ target)
            if np.array_equal(1.0 - reach > 0.0, inside):
                return target
            step = target - weights
            gained = reach - (1.0 - slack)
            along = self._search(float(weights @ step), float(step @ step), slack, gained)
            weights = weights + along * step
            slack = slack - along * gained
        return weights

    def _minimum(self, inside: NDArray[np.bool_]) -> Rows:
        """Of the parabola that holds while the rows `inside` their margin stay the same."""
        size = self.rows.shape[1]
        if 2 * int(inside.sum()) > len(inside):
            outside = self.rows[~inside]
            curvature = self.curvature - (outside.T * self.costs[~inside]) @ outside
        else:
            held = self.rows[inside]
            curvature = (held.T * self.costs[inside]) @ held
        pull = self.rows[inside].T @ (self.costs[inside] * self.signs[inside])
        return np.asarray(np.linalg.solve(np.eye(size) + 2.0 * curvature, 2.0 * pull))

    def _search(self, start: float, slope: float, slack: Rows, gained: Rows) -> float:
        """Where the objective is least along a step: where its derivative, which grows piece by piece, is 0.

        start, slope: of the derivative of 1/2 |w|^2. gained: by how much a whole step lowers each row's slack.
        """
        inside = (slack > 0.0) | ((slack == 0.0) & (gained < 0.0))
        offsets = 2.0 * self.costs * slack * gained
        slopes = 2.0 * self.costs * gained**2
        start -= float(offsets[inside].sum())
        slope += float(slopes[inside].sum())
        leaves, enters = inside & (gained > 0.0), ~inside & (gained < 0.0)
        changing = np.flatnonzero(leaves | enters)
        places = slack[changing] / gained[changing]
        order = np.argsort(places, kind="stable")
        changing, places = changing[order], places[order]
        sign = np.where(leaves[changing], 1.0, -1.0)
        starts = start + np.concatenate([[0.0], np.cumsum(sign * offsets[changing])])
        rises = slope - np.concatenate([[0.0], np.cumsum(sign * slopes[changing])])
        ends = np.append(places, np.inf)
        piece = int(np.argmax(np.append(starts[:-1] + rises[:-1] * ends[:-1] >= 0.0, True)))
        return float(-starts[piece] / rises[piece])
