"""Galleries of people that are tried on probes and strangers: limits are chosen by these, and measured by others.

    people ── drawn ──> enrolled, with a few pictures each ──┐
           └─ rest ───> strangers, as are all of `others`  ──┴──> Namer ──> the best score of each face asked

Who is not in a gallery is a stranger to it. Enrolment pictures are never asked about, nor is anybody of the cohort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.gallery import Consent, Gallery, Person, Template
from pipit.faces.naming import Namer, NamingSettings
from pipit.faces.operating import PEOPLE, RATES, OperatingPoints, growing, limit_at
from pipit.training.intervals import Estimate, grouped_share

_CONSENT = Consent("", "", "measuring")
EMBEDDER = "trial"
GALLERIES = {1: 60, 5: 40, 20: 12}
"""By people: how many galleries are drawn. Larger ones: 4."""
MOST_SHARE = 0.8
"""Of the people who set limits, that a gallery may hold; who is not in it is a stranger to it."""
FEWEST_STRANGERS = 20
"""People, for limits of one's own."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """vectors: (faces, dimensions), of length 1. people: (faces,), by name. enrols: (faces,), or may only probe."""

    vectors: NDArray[np.float32]
    people: NDArray[np.str_]
    enrols: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.bool_]) -> FaceSet:
        """Some of them."""
        return FaceSet(self.vectors[chosen], self.people[chosen], self.enrols[chosen])

    def named(self, names: Sequence[str]) -> FaceSet:
        """Those of some people."""
        return self.of(np.isin(self.people, list(names)))

    @property
    def names(self) -> list[str]:
        """Of the people, sorted."""
        return sorted({str(name) for name in self.people})


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What galleries of one size said. Arrays: (faces,), of all the galleries together.

    scores: the best one, in the method's unit; -inf where it was not clear of the second. said: whose it is. truth: who
    it is. known: whether that one was in the gallery. asked: faces that each gallery was asked about.
    """

    size: int
    scores: NDArray[np.float64]
    said: NDArray[np.str_]
    truth: NDArray[np.str_]
    known: NDArray[np.bool_]
    asked: int

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best one is who it is."""
        return np.asarray(self.known & (self.said == self.truth))

    def found(self, limit: float, seed: int) -> Estimate | None:
        """Share of the known who are named rightly (DIR). Its interval is over people."""
        hits = self.right & (self.scores >= limit)
        return grouped_share(hits[self.known], self.truth[self.known], seed)

    def misled(self, limit: float, seed: int) -> Estimate | None:
        """Share of the known who are named as somebody else."""
        hits = self.known & ~self.right & (self.scores >= limit)
        return grouped_share(hits[self.known], self.truth[self.known], seed)

    def first(self, seed: int) -> Estimate | None:
        """Share of the known whose best score is their own, whatever it is (rank-1)."""
        return grouped_share(self.right[self.known], self.truth[self.known], seed)

    def let_in(self, limit: float, seed: int) -> Estimate | None:
        """Share of strangers who are named as somebody (FPIR). Its interval is over people."""
        hits = self.scores >= limit
        return grouped_share(hits[~self.known], self.truth[~self.known], seed)

    def limit(self, rate: float) -> float:
        """That lets in a share `rate` of the strangers asked here."""
        draws = len(self.scores) // self.asked
        return limit_at(self.scores[~self.known], rate, round(float((~self.known).sum()) / draws))


def run_trial(
    people: FaceSet,
    others: FaceSet,
    cohort: NDArray[np.float32],
    naming: NamingSettings,
    size: int,
    seed: int,
    pictures: int = 5,
) -> Trial:
    """Draws galleries of `size` people, with at most so many `pictures` each, and asks each about all other faces.

    others: strangers who are never enrolled. Raises InvalidInput for fewer people than that.
    """
    generator = np.random.default_rng([seed, size, pictures])
    names = sorted({str(name) for name in people.people[people.enrols]})
    if len(names) < size:
        raise InvalidInput(f"a gallery of {size} people can't be drawn from {len(names)}")
    draws = 1 if size == len(names) else GALLERIES.get(size, 4)
    asked = FaceSet(
        np.concatenate([people.vectors[~people.enrols], others.vectors]),
        np.concatenate([people.people[~people.enrols], others.people]),
        np.zeros(int((~people.enrols).sum()) + len(others.vectors), bool),
    )
    scores, said, known = [], [], []
    for _ in range(draws):
        chosen = sorted(generator.choice(names, size, replace=False).tolist())
        namer = Namer(gallery_of(people, chosen, pictures), cohort, naming, EMBEDDER)
        best, who = best_of(namer, asked.vectors, naming.margin)
        scores.append(best)
        said.append(who)
        known.append(np.isin(asked.people, chosen))
    return Trial(
        size=size,
        scores=np.concatenate(scores),
        said=np.concatenate(said),
        truth=np.tile(asked.people, draws),
        known=np.concatenate(known),
        asked=len(asked.people),
    )


def gallery_of(people: FaceSet, names: Sequence[str], pictures: int) -> Gallery:
    """The first enrolment pictures of some people."""
    members = []
    for name in names:
        vectors = people.vectors[people.enrols & (people.people == name)][:pictures]
        templates = tuple(Template(vector, EMBEDDER, 1.0, "") for vector in vectors)
        members.append(Person(name, name, _CONSENT, templates))
    return Gallery("trial", 1, tuple(members))


def best_of(namer: Namer, vectors: NDArray[np.float32], margin: float) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """The best score of each face, -inf where it is not clear of the second by `margin`; and whose it is."""
    compared = namer.compare(vectors)
    best = compared.argmax(axis=1)
    scores = compared.max(axis=1).astype(np.float64)
    if compared.shape[1] > 1 and margin > 0.0:
        second = np.partition(compared, -2, axis=1)[:, -2]
        scores[scores - second < margin] = -np.inf
    return scores, np.array([person.id for person in namer.people])[best]


def choose_points(
    people: FaceSet,
    others: FaceSet,
    cohort: NDArray[np.float32],
    naming: NamingSettings,
    seed: int,
    pictures: int = 5,
) -> OperatingPoints | None:
    """Limits for the rates and, of the usual numbers of people, those that can be drawn, and the most.

    None where there are too few people to say anything.
    """
    names = {str(name) for name in people.people[people.enrols]}
    strangers = set(others.names)
    # Not all of them, else nobody whose pictures are many would be a stranger.
    sizes = [size for size in PEOPLE if size < len(names)]
    most = int(MOST_SHARE * len(names))
    if len(sizes) > 1 and most > 2 * sizes[-1]:
        sizes.append(most)
    # One size alone would not say how limits grow with the number of people.
    if len(sizes) < 2 or len(strangers) + len(names) - sizes[-1] < FEWEST_STRANGERS:
        return None
    trials = [run_trial(people, others, cohort, naming, size, seed, pictures) for size in sizes]
    limits = np.array([[trial.limit(rate) for trial in trials] for rate in RATES])
    own = [trial.scores[trial.right & np.isfinite(trial.scores)] for trial in trials]
    spread = float(np.std(np.concatenate(own)))
    rows = tuple(tuple(row) for row in growing(limits).tolist())
    return OperatingPoints(RATES, tuple(sizes), rows, max(spread, 1e-3))


def with_points(naming: NamingSettings, points: OperatingPoints | None) -> NamingSettings:
    """The same with other limits, or as it is."""
    return naming if points is None else replace(naming, points=points)
