"""What naming is worth, on people whom nothing was chosen by.

detection_rate              share of pictures of people in which a face is found; all others count such pictures only
accuracy_training           share of enrolment pictures whose best score is their own person's (rank-1)
accuracy_validation         the same of probes, in a gallery of everybody who validates
found.N.at_R_percent        share of probes that are named rightly (DIR), N people known, at the limit for R %
let_in.N.at_R_percent       share of strangers' faces that are named as somebody (FPIR), there
found, let_in, misled       for the largest N at the recipe's own rate; misled: known, but named as somebody else
let_in.over                 by how much strangers are surely let in more often than promised: of all N at the recipe's
                            rate the furthest that an interval lies above 1.25 of it; 0 where it holds the promise.
                            The quarter is for limits, which are themselves measured on a few strangers only
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Metric
from pipit.errors import InvalidInput
from pipit.faces.naming import Method, Namer, NamingSettings
from pipit.faces.operating import PEOPLE
from pipit.faces.verdicts import FRONTAL_YAW
from pipit.training.intervals import Estimate, grouped_share

from home_security.faces.embedded import QUALITIES
from home_security.faces.trials import (
    EMBEDDER,
    FaceSet,
    Trial,
    best_of,
    choose_points,
    gallery_of,
    run_trial,
    with_points,
)

SLACK = 1.25
PICTURES = 5
"""Of enrolment, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Divided:
    """Faces by what they do.

    copies: varied ones of each enrolment picture, which lie behind it. qualities: of the known people's probes that
    validate, (probes, `QUALITIES`), in their order; None where they are not known.
    """

    cohort: NDArray[np.float32]
    choosing: tuple[FaceSet, FaceSet]
    """Known people, and strangers."""
    validating: tuple[FaceSet, FaceSet]
    copies: int = 0
    qualities: NDArray[np.float32] | None = None

    @property
    def rows(self) -> int:
        """Vectors of one person that enrol, at most."""
        return PICTURES * (1 + self.copies)


@dataclass(frozen=True, slots=True, eq=False)
class NamingEvaluation:
    """naming: with the limits that serve. source: of the limits, in words. trials: of growing galleries."""

    naming: NamingSettings
    source: str
    trials: tuple[Trial, ...]
    estimates: Mapping[str, Estimate]
    methods: Mapping[str, Mapping[str, Estimate]]
    kinds: Mapping[str, Estimate]
    """What is found of known people in the largest gallery, by what their pictures are like."""
    seed: int

    def metrics(self) -> dict[str, Metric]:
        """As a manifest keeps them."""
        return {name: estimate.to_metric() for name, estimate in self.estimates.items()}

    def to_json(self) -> dict[str, Any]:
        """All of it but single scores, of JSON's types."""
        return {
            "format": 1,
            "kind": "faces",
            "limits": {**self.naming.points.to_parameters(), "source": self.source},
            "estimates": {name: one.to_json() for name, one in self.estimates.items()},
            "methods": {
                method: {name: one.to_json() for name, one in estimates.items()}
                for method, estimates in self.methods.items()
            },
            "kinds": {kind: one.to_json() for kind, one in self.kinds.items()},
            "seed": self.seed,
        }

    def calibrated(self) -> NDArray[np.float64]:
        """Best scores as answers give them, of everybody asked in the largest gallery, (faces, 1)."""
        trial = self.trials[-1]
        over = (trial.scores - self.naming.points.limit(self.naming.rate, trial.size)) / self.naming.points.spread
        return (1.0 / (1.0 + np.exp(-np.clip(over, -50.0, 50.0))))[:, np.newaxis]


def evaluate_naming(
    divided: Divided, naming: NamingSettings, recipe_source: str, detection: Estimate | None, seed: int
) -> NamingEvaluation:
    """Chooses limits, then measures. naming: with the recipe's limits. recipe_source: of these; "" if they don't hold.

    Raises InvalidInput where there are too few strangers for limits, and the recipe's do not hold.
    """
    points = choose_points(*divided.choosing, divided.cohort, naming, seed, divided.rows)
    if points is None and not recipe_source:
        known, strangers = (len(side.names) for side in divided.choosing)
        raise InvalidInput(
            f"{strangers} strangers and {known} known people are too few to set limits by, and the recipe has none "
            f"that hold with a cohort of {len(divided.cohort)}; add pictures of others at unknown/<anybody>/*.jpg, or "
            "fetch the recipe's crowd"
        )
    people, others = (len(side.names) for side in divided.choosing)
    source = recipe_source if points is None else f"measured here on {people} known people and {others} strangers"
    settled = with_points(naming, points)
    trials = tuple(_trials(divided, settled, seed))
    estimates: dict[str, Estimate | None] = {
        "detection_rate": detection,
        "accuracy_training": _training_accuracy(divided, settled, seed),
        "accuracy_validation": trials[-1].first(seed),
    }
    for trial in trials:
        for rate in settled.points.rates:
            limit = settled.points.limit(rate, trial.size)
            where = f"{trial.size}.at_{100 * rate:g}_percent"
            estimates[f"found.{where}"] = trial.found(limit, seed)
            estimates[f"let_in.{where}"] = trial.let_in(limit, seed)
    limit = settled.points.limit(settled.rate, trials[-1].size)
    estimates |= {
        "found": trials[-1].found(limit, seed),
        "let_in": trials[-1].let_in(limit, seed),
        "misled": trials[-1].misled(limit, seed),
        "let_in.over": _over(trials, settled, seed),
    }
    return NamingEvaluation(
        naming=settled,
        source=source,
        trials=trials,
        estimates={name: estimate for name, estimate in estimates.items() if estimate is not None},
        methods={} if points is None else _methods(divided, naming, seed),
        kinds={} if divided.qualities is None else _kinds(trials[-1], divided.qualities, limit, seed),
        seed=seed,
    )


def _trials(divided: Divided, naming: NamingSettings, seed: int) -> list[Trial]:
    people, others = divided.validating
    enrolled = len({str(name) for name in people.people[people.enrols]})
    sizes = [*(size for size in PEOPLE if size < enrolled), enrolled]
    return [run_trial(people, others, divided.cohort, naming, size, seed + 1, divided.rows) for size in sizes]


def _training_accuracy(divided: Divided, naming: NamingSettings, seed: int) -> Estimate | None:
    people = divided.validating[0]
    enrolling = people.of(people.enrols)
    namer = Namer(gallery_of(people, enrolling.names, divided.rows), divided.cohort, naming, EMBEDDER)
    _, said = best_of(namer, enrolling.vectors, 0.0)
    return grouped_share(said == enrolling.people, enrolling.people, seed)


def _over(trials: Sequence[Trial], naming: NamingSettings, seed: int) -> Estimate | None:
    """None where nobody validates as a stranger."""
    found = [trial.let_in(naming.points.limit(naming.rate, trial.size), seed) for trial in trials]
    measured = [one for one in found if one is not None]
    if not measured:
        return None
    over = max((one.low if one.low is not None else one.value) - SLACK * naming.rate for one in measured)
    return Estimate(max(0.0, over), sum(one.samples for one in measured))


def _kinds(trial: Trial, qualities: NDArray[np.float32], limit: float, seed: int) -> dict[str, Estimate]:
    """trial: of everybody, so that each probe was asked about once, and before any stranger."""
    probes = len(qualities)
    hits, people = (trial.right & (trial.scores >= limit))[:probes], trial.truth[:probes]
    column = dict(zip(QUALITIES, qualities.T, strict=True))
    turned = np.abs(column["yaw"])
    kinds = {
        f"turned by under {FRONTAL_YAW:g} degrees": turned < FRONTAL_YAW,
        f"turned by {FRONTAL_YAW:g} degrees or more": turned >= FRONTAL_YAW,
    }
    for name, words in (("exposure", ("darker", "lighter")), ("sharpness", ("less sharp", "sharper"))):
        middle = float(np.median(column[name]))
        kinds |= {f"the {words[0]} half": column[name] < middle, f"the {words[1]} half": column[name] >= middle}
    shares = {kind: grouped_share(hits[chosen], people[chosen], seed) for kind, chosen in kinds.items()}
    return {kind: share for kind, share in shares.items() if share is not None}


def _methods(divided: Divided, naming: NamingSettings, seed: int) -> dict[str, dict[str, Estimate]]:
    """Each way of naming with limits of its own: what is found and let in at the recipe's rate, for each size."""
    measured: dict[str, dict[str, Estimate]] = {}
    for method in get_args(Method):
        other = replace(naming, method=method)
        other = with_points(other, choose_points(*divided.choosing, divided.cohort, other, seed, divided.rows))
        measured[method] = {}
        for trial in _trials(divided, other, seed):
            limit = other.points.limit(other.rate, trial.size)
            for name, estimate in (("found", trial.found(limit, seed)), ("let_in", trial.let_in(limit, seed))):
                if estimate is not None:
                    measured[method][f"{name}.{trial.size}"] = estimate
    return measured
