"""Who a face is: one of the gallery's people, or nobody that is known.

    vector ─┬─ cosine with each person's mean, measured by how like strangers both look  ─┐
            └─ the people's linear classifiers, fitted against each other and strangers  ─┴─> a score for each person
    named: the best score reaches the limit for so many people, and is clear of the second; else unknown

A cosine means little by itself: some faces look like everybody. So it is counted in standard deviations of what
strangers of the cohort reach, on the side of the face and on that of the person, each against the strangers nearest to
it (adaptive symmetric normalisation).

Source: P. Matejka et al., Analysis of Score Normalization in Multilingual Speaker Recognition, Interspeech 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.faces.cohort import LEAST
from pipit.faces.gallery import Gallery, Person, Template
from pipit.faces.operating import OperatingPoints, operating_points_of
from pipit.faces.svm import LinearSvm, SvmSettings, fit_svm

Method = Literal["cosine", "svm", "both"]
Scores = NDArray[np.float32]
_LEAST_SPREAD = 1e-3
_NEVER = -100.0
"""Standard deviations: of a face that somebody said is not this person's."""


@dataclass(frozen=True, slots=True)
class NamingSettings:
    """What a bundle says of naming.

    method: `cosine` and `svm` score by that alone; `both` by the classifiers' decision and `weight` times the cosine,
    which measured better than that the classifiers choose and the cosine decides. rate: the share of strangers who may
    be named; one of the operating points'. margin: by which the best score must be over the second, in the scores'
    unit. nearest: strangers of the cohort that a cosine is measured by. shown: people that an answer lists.
    """

    method: Method
    rate: float
    points: OperatingPoints
    margin: float = 0.0
    nearest: int = 50
    shown: int = 5
    weight: float = 0.1
    svm: SvmSettings = field(default_factory=SvmSettings)

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if self.method not in get_args(Method):
            raise InvalidInput(f"naming by {self.method!r} is not known; there are {', '.join(get_args(Method))}")
        if self.margin < 0.0 or self.nearest < LEAST or self.shown < 1 or min(self.svm.cost, self.weight) <= 0.0:
            raise InvalidInput(
                f"naming needs margin from 0, nearest from {LEAST}, shown from 1, cost and weight over 0, "
                f"not {self.margin:g}, {self.nearest}, {self.shown}, {self.svm.cost:g} and {self.weight:g}"
            )
        self.points.limit(self.rate, 1)

    def to_parameters(self) -> dict[str, Any]:
        """As a bundle holds it."""
        return {
            "method": self.method,
            "rate": self.rate,
            "points": self.points.to_parameters(),
            "margin": self.margin,
            "nearest": self.nearest,
            "shown": self.shown,
            "weight": self.weight,
            "cost": self.svm.cost,
            "balanced": self.svm.balanced,
        }


def naming_settings_of(parameters: Mapping[str, Any]) -> NamingSettings:
    """The inverse of `NamingSettings.to_parameters`. Raises InvalidInput."""
    try:
        return NamingSettings(
            method=parameters["method"],
            rate=float(parameters["rate"]),
            points=operating_points_of(parameters["points"]),
            margin=float(parameters["margin"]),
            nearest=int(parameters["nearest"]),
            shown=int(parameters["shown"]),
            weight=float(parameters["weight"]),
            svm=SvmSettings(float(parameters["cost"]), bool(parameters["balanced"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the bundle's parameters of naming are wrong ({error}); make it anew") from error


@dataclass(frozen=True, slots=True)
class PersonScore:
    """score: 0..1; from 0.5 on it is over the limit, and for the best one clear of the second too."""

    person: Person
    score: float


@dataclass(frozen=True, slots=True)
class Naming:
    """Who one face is. scores: best first, at most as many as are shown. named: None where nobody is named.

    margin: from the best to the second, in the scores' own unit; infinite where one person is known, 0 where nobody is.
    """

    scores: tuple[PersonScore, ...]
    named: Person | None
    margin: float


class Namer:
    """Compares faces with one gallery. Never changes, so threads share it; making one fits the classifiers."""

    def __init__(
        self,
        gallery: Gallery,
        cohort: NDArray[np.float32],
        settings: NamingSettings,
        embedder: str,
        before: Namer | None = None,
    ) -> None:
        """cohort: unit vectors of strangers, (strangers, dimensions). embedder: others' templates are left out.

        before: of an earlier gallery; whoever was in it is fitted sooner.

        Raises InvalidInput for a cohort that is too small, and templates whose vectors are of another length.
        """
        if cohort.ndim != 2 or len(cohort) < LEAST:
            raise InvalidInput(f"naming needs a cohort of {LEAST} or more strangers, not the shape {cohort.shape}")
        self._settings = settings
        self._cohort = cohort
        self._nearest = min(settings.nearest, len(cohort))
        known = [(person, _vectors(person.templates, embedder, cohort.shape[1])) for person in gallery.people]
        known = [(person, vectors) for person, vectors in known if len(vectors)]
        self.people: tuple[Person, ...] = tuple(person for person, _ in known)
        not_this = [_vectors(person.not_this, embedder, cohort.shape[1]) for person in self.people]
        self._not_this = {index: vectors for index, vectors in enumerate(not_this) if len(vectors)}
        self._svm: LinearSvm | None = None
        self._limit = 0.0
        if self.people:
            self._limit = settings.points.limit(settings.rate, len(self.people))
            self._fit([vectors for _, vectors in known], before)

    def _fit(self, templates: Sequence[NDArray[np.float32]], before: Namer | None) -> None:
        means = np.stack([vectors.mean(axis=0) for vectors in templates])
        self._means = np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), np.float32)
        self._mean_levels = _levels(self._means @ self._cohort.T, self._nearest)
        if self._settings.method != "cosine":
            classes = np.repeat(np.arange(len(templates)), [len(vectors) for vectors in templates])
            self._svm = fit_svm(
                np.concatenate([*templates, self._cohort]),
                np.concatenate([classes, np.full(len(self._cohort), -1)]),
                len(templates),
                self._settings.svm,
                self._not_this,
                self._weights_of(before),
            )

    def _weights_of(self, before: Namer | None) -> dict[int, NDArray[np.float32]]:
        """Of those who were known before, by their place now."""
        if before is None or before._svm is None or before._svm.weights.shape[1] != self._cohort.shape[1]:
            return {}
        places = {person.id: place for place, person in enumerate(before.people)}
        return {
            index: before._svm.of(places[person.id]) for index, person in enumerate(self.people) if person.id in places
        }

    def compare(self, vectors: NDArray[np.float32]) -> Scores:
        """Scores in the method's own unit, shape (faces, people). vectors: of length 1, (faces, dimensions)."""
        if not self.people:
            return np.zeros((len(vectors), 0), np.float32)
        if self._settings.method == "svm" and self._svm is not None:
            return self._svm.decide(vectors)
        cosines = self._normalised(vectors)
        if self._svm is None:
            return cosines
        return np.asarray(self._svm.decide(vectors) + np.float32(self._settings.weight) * cosines, np.float32)

    def name(self, vectors: NDArray[np.float32]) -> list[Naming]:
        """One for each face. vectors: as `compare` takes them."""
        return [self._name(row) for row in self.compare(vectors)]

    def _name(self, row: Scores) -> Naming:
        if not len(row):
            return Naming((), None, 0.0)
        order = best_first(row, max(2, self._settings.shown))
        margin = float(row[order[0]] - row[order[1]]) if len(row) > 1 else np.inf
        over = (row[order].astype(np.float64) - self._limit) / self._settings.points.spread
        # What is not clear of the second is not named, and its score says so.
        over = np.minimum(over, (margin - self._settings.margin) / self._settings.points.spread)
        calibrated = 1.0 / (1.0 + np.exp(-np.clip(over, -50.0, 50.0)))
        shown = zip(order[: self._settings.shown], calibrated, strict=False)
        scores = tuple(PersonScore(self.people[index], float(score)) for index, score in shown)
        return Naming(scores, scores[0].person if scores[0].score >= 0.5 else None, margin)

    def _normalised(self, vectors: NDArray[np.float32]) -> Scores:
        cosines = vectors @ self._means.T
        mean, spread = _levels(vectors @ self._cohort.T, self._nearest)
        person_mean, person_spread = self._mean_levels
        scores = (cosines - mean[:, np.newaxis]) / spread[:, np.newaxis] + (cosines - person_mean) / person_spread
        for index, others in self._not_this.items():
            # Nearer to what somebody said is not this person than to the person.
            nearer = (vectors @ others.T).max(axis=1) > cosines[:, index]
            scores[nearer, index] = _NEVER
        return np.asarray(scores / 2.0, np.float32)


def best_first(row: Scores, count: int) -> NDArray[np.int64]:
    """Positions of the highest values, at most `count`; of equal ones the first stands first."""
    count = min(count, len(row))
    candidates = np.sort(np.argpartition(-row, count - 1)[:count])
    return np.asarray(candidates[np.argsort(-row[candidates], kind="stable")], np.int64)


def _vectors(templates: Sequence[Template], embedder: str, dimensions: int) -> NDArray[np.float32]:
    found = [template.vector for template in templates if template.embedder == embedder]
    if any(vector.shape != (dimensions,) for vector in found):
        raise InvalidInput(f"a template of this embedder has other than {dimensions} numbers; enrol that person anew")
    return np.stack(found) if found else np.zeros((0, dimensions), np.float32)


def _levels(cosines: NDArray[np.float32], nearest: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and spread of the `nearest` highest of each row: how like strangers that row looks. Each: (rows,)."""
    highest = np.partition(cosines, cosines.shape[1] - nearest, axis=1)[:, -nearest:]
    return highest.mean(axis=1), np.maximum(highest.std(axis=1), _LEAST_SPREAD)
