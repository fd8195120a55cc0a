"""What tells people apart best, and how well the choice does on people that it was not made by.

    PIPIT_DATA=… python tests/load/compare_faces.py FOLDER

Needs PIPIT_DATA with `faces` and `backbones`. FOLDER keeps the vectors, so that a second run takes a minute. The 200
people are divided by person: 20 known and 50 unknown ones are development, by which everything is chosen; 80 and 50
test. Of a known person's eight pictures the first four may enrol and the others probe; where five enrol, three probe.

    faces.csv           the main figures of what was chosen, on test
    faces_choices.csv   embedder, alignment, mirror images, method, margin, varied copies: on development
    faces_test.csv      galleries of 1 to 80 people, of 1 to 5 pictures each: what was chosen, and its rivals
    faces_promise.csv   how many strangers the limits let in that development set
    faces_pairs.csv     two pictures: the same person, or not?
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from face_vectors import KNOWN, UNKNOWN, Embedded, Pictures, embed_all, list_pictures
from home_security.faces.trials import FaceSet, Trial, choose_points, run_trial
from measure import write_csv
from numpy.typing import NDArray
from pipit.faces.naming import Method, NamingSettings
from pipit.faces.operating import RATES, OperatingPoints
from pipit.settings import DataSettings, load_settings
from pipit.training.intervals import Estimate, grouped_share, proportion

SEED = 1
MOST_ENROLLED = 5
"""Pictures of a person."""
CROWDS = (100, 300, 900)
"""Faces of FER2013, who are strangers too."""
METHODS: tuple[Method, ...] = ("cosine", "svm", "both")
PACKAGES = ("onnxruntime", "ai-edge-litert", "numpy", "pillow")
COHORT_PICTURES = 2
"""Of each person of development, at most."""
_ANY = OperatingPoints((0.01,), (1,), ((0.0,),), 1.0)
Row = dict[str, object]


class People:
    """One embedder's vectors under one condition, as faces that enrol, probe and are unknown."""

    def __init__(self, pictures: Pictures, embedded: Embedded, condition: str) -> None:
        self._pictures, self._vectors = pictures, embedded.conditions[condition]
        self._copies, self._crowd = embedded.copies, embedded.crowd
        self._found = ~np.isnan(self._vectors[:, 0])

    def known(self, *, development: bool, enrol: int = 4, copies: int = 0) -> FaceSet:
        """enrol: the first pictures of each person. copies: varied ones, which follow each of these."""
        chosen = self._of(KNOWN, development=development)
        vectors, people, enrols = [], [], []
        for place in np.flatnonzero(chosen):
            first = bool(self._pictures.index[place] < enrol)
            extra = [copy for copy in self._copies[place, : copies if first else 0] if not np.isnan(copy[0])]
            vectors += [self._vectors[place], *extra]
            people += [self._pictures.people[place]] * (1 + len(extra))
            enrols += [first] * (1 + len(extra))
        return FaceSet(np.stack(vectors), np.array(people), np.array(enrols))

    def strangers(self, *, development: bool) -> FaceSet:
        """Two or three pictures each."""
        chosen = self._of(UNKNOWN, development=development)
        return FaceSet(self._vectors[chosen], self._pictures.people[chosen], np.zeros(int(chosen.sum()), bool))

    def cohort(self, crowd: int, *, own: bool) -> NDArray[np.float32]:
        """own: of everybody in development. crowd: and so many faces of another data set."""
        chosen = self._pictures.development & self._found & (self._pictures.index < COHORT_PICTURES)
        return self.with_crowd(self._vectors[chosen if own else chosen & False], crowd)

    def with_crowd(self, vectors: NDArray[np.float32], crowd: int) -> NDArray[np.float32]:
        """And so many faces of another data set."""
        return np.concatenate([vectors, self._crowd[:crowd]])

    def _of(self, role: str, *, development: bool) -> NDArray[np.bool_]:
        return (self._pictures.roles == role) & (self._pictures.development == development) & self._found


def main() -> None:
    """Prints and writes all."""
    data = load_settings(DataSettings).data
    if data is None or len(sys.argv) != 2:
        sys.exit("usage: PIPIT_DATA=… python tests/load/compare_faces.py FOLDER")
    pictures = list_pictures(data / "faces")
    embedded = embed_all(pictures, data, Path(sys.argv[1]))
    write_csv("faces_choices", list(choices(pictures, embedded)), PACKAGES)
    rows = list(tested(pictures, embedded))
    write_csv("faces_test", rows, PACKAGES)
    write_csv("faces", [*detected(pictures, embedded[CHOSEN.embedder]), *figures(rows, pictures)], PACKAGES)
    write_csv("faces_promise", list(promised(pictures, embedded)), PACKAGES)
    write_csv("faces_pairs", list(pairs(pictures, embedded)), PACKAGES)


@dataclass(frozen=True, slots=True)
class Way:
    """What is compared. enrol: pictures of each person. copies: varied ones of each. crowd: more strangers."""

    embedder: str = "dlib"
    alignment: str = "aligned"
    method: Method = "both"
    margin: float = 0.0
    enrol: int = 4
    copies: int = 0
    crowd: int = 0
    own: bool = True
    """Whether faces of development are in the cohort, as well as the crowd."""

    @property
    def naming(self) -> NamingSettings:
        """As a bundle holds it, but for limits."""
        return NamingSettings(self.method, 0.01, _ANY, self.margin)


CHOSEN = Way(crowd=300)


def choices(pictures: Pictures, embedded: dict[str, Embedded]) -> Iterator[Row]:
    """On development, in galleries of 5 and 19; half of its strangers are the cohort, then the other half."""
    names = [(name, condition) for name, one in embedded.items() for condition in one.conditions]
    ways = [Way(name, condition, method) for name, condition in names for method in METHODS]
    ways += [Way(method=method, crowd=crowd) for crowd in CROWDS for method in METHODS]
    ways += [Way("mobilefacenet", method=method, crowd=CHOSEN.crowd) for method in METHODS]
    ways += [replace(CHOSEN, margin=margin) for margin in (0.1, 0.2, 0.4)]
    ways += [replace(CHOSEN, copies=copies) for copies in (1, 4)]
    ways += [replace(CHOSEN, alignment=alignment) for alignment in ("mirrored", "not centred")]
    ways += [replace(CHOSEN, own=False)]
    for way in ways:
        yield chosen_by(People(pictures, embedded[way.embedder], way.alignment), way)


def chosen_by(people: People, way: Way) -> Row:
    """Means over the two halves. criterion: what is found at 1 %, over both sizes; the largest is chosen."""
    known = people.known(development=True, copies=way.copies)
    strangers = people.strangers(development=True)
    row: Row = asdict(way)
    halves = strangers.names[0::2], strangers.names[1::2]
    at_one_percent = []
    for size in (5, 19):
        trials = []
        for cohort, asked in (halves, halves[::-1]):
            compared = people.with_crowd(strangers.named(cohort if way.own else []).vectors, way.crowd)
            count = way.enrol * (1 + way.copies)
            trials.append(run_trial(known, strangers.named(asked), compared, way.naming, size, SEED, count))
        row[f"rank_1_of_{size}"] = round(float(np.mean([value(trial.first(SEED)) for trial in trials])), 4)
        for rate in (0.05, 0.01):
            found = float(np.mean([value(trial.found(trial.limit(rate), SEED)) for trial in trials]))
            row[f"found_of_{size}_at_{rate:.0%}"] = round(found, 4)
        at_one_percent.append(found)
    return {**row, "criterion": round(float(np.mean(at_one_percent)), 4)}


def tested(pictures: Pictures, embedded: dict[str, Embedded]) -> Iterator[Row]:
    """On test people. Limits are those that let in the next test stranger with the chance that the column names."""
    ways = [replace(CHOSEN, enrol=enrol) for enrol in (1, 3, 4, 5)]
    ways += [replace(CHOSEN, method=method) for method in METHODS if method != CHOSEN.method]
    ways += [replace(CHOSEN, alignment=other) for other in ("fixed", "not centred", "mirrored")]
    ways += [replace(CHOSEN, copies=copies) for copies in (1, 4)]
    ways += [replace(CHOSEN, crowd=crowd) for crowd in (0, CROWDS[-1])]
    ways += [replace(CHOSEN, own=False)]
    ways += [replace(CHOSEN, embedder=name) for name in embedded if name != CHOSEN.embedder]
    ways += [replace(CHOSEN, embedder="mobilefacenet", alignment="mirrored")]
    for way in ways:
        people = People(pictures, embedded[way.embedder], way.alignment)
        known = people.known(development=False, enrol=max(way.enrol, 4), copies=way.copies)
        strangers, cohort = people.strangers(development=False), people.cohort(way.crowd, own=way.own)
        for size in (1, 5, 20, 80):
            trial = run_trial(known, strangers, cohort, way.naming, size, SEED, way.enrol * (1 + way.copies))
            yield {
                **{**asdict(way), "people": size, **described("rank_1", trial.first(SEED))},
                **{k: v for rate in sorted(RATES)[::-1] for k, v in at(trial, rate).items()},
                **{"asked_known": int(trial.known.sum()), "asked_strangers": int((~trial.known).sum())},
            }


def at(trial: Trial, rate: float) -> Row:
    """Found (DIR), named as somebody else, and found where just this share of the strangers asked is let in."""
    limit = trial.limit(rate)
    others = np.sort(trial.scores[~trial.known])[::-1]
    plain = float(np.nextafter(others[int(rate * len(others))], np.inf))
    return {
        **described(f"found_at_{rate:.1%}", trial.found(limit, SEED)),
        f"misled_at_{rate:.1%}": shown(trial.misled(limit, SEED)),
        f"found_at_just_{rate:.1%}": shown(trial.found(plain, SEED)),
    }


def promised(pictures: Pictures, embedded: dict[str, Embedded]) -> Iterator[Row]:
    """Limits of development on test people: how many strangers they let in, and how many of the known they find."""
    people = People(pictures, embedded[CHOSEN.embedder], CHOSEN.alignment)
    strangers = people.strangers(development=True)
    sizes = OperatingPoints(tuple(sorted(RATES)), (1, 5, 15), ((0.0,) * 3,) * len(RATES), 1.0)
    naming = replace(CHOSEN.naming, rate=RATES[0], points=sizes)
    cohort = people.with_crowd(strangers.named(strangers.names[0::2]).vectors, CHOSEN.crowd)
    asked = strangers.named(strangers.names[1::2])
    points = choose_points(people.known(development=True), asked, cohort, naming, SEED)
    assert points is not None
    for size in (1, 5, 20, 80):
        known, others = people.known(development=False), people.strangers(development=False)
        trial = run_trial(known, others, cohort, naming, size, SEED, 4)
        for rate in sorted(RATES)[::-1]:
            limit = points.limit(rate, size)
            found, let_in = trial.found(limit, SEED), trial.let_in(limit, SEED)
            yield {"people": size, "promised": rate, **described("let_in", let_in), **described("found", found)}


def detected(pictures: Pictures, one: Embedded) -> Iterator[Row]:
    """Pictures in which a face was found."""
    found = ~np.isnan(one.conditions[CHOSEN.alignment][:, 0])
    for part, chosen in (("development", pictures.development), ("test", ~pictures.development)):
        estimate = proportion(int(found[chosen].sum()), int(chosen.sum()))
        yield {"what": f"faces found, {part}", "people": "", "pictures": "", **estimated(estimate)}


def pairs(pictures: Pictures, embedded: dict[str, Embedded]) -> Iterator[Row]:
    """Of all pairs of test pictures, by cosine: the share of true ones (TAR) where so many false ones pass (FAR)."""
    for name, one in embedded.items():
        for condition, vectors in one.conditions.items():
            chosen = ~pictures.development & ~np.isnan(vectors[:, 0])
            people, faces = pictures.people[chosen], vectors[chosen]
            first, second = np.triu_indices(len(faces), 1)
            cosines = (faces @ faces.T)[first, second]
            same = people[first] == people[second]
            false = np.sort(cosines[~same])[::-1]
            for rate in (0.01, 0.001):
                hits = cosines[same] > false[round(rate * len(false))]
                estimate = grouped_share(hits, people[first][same], SEED)
                yield {
                    **{"embedder": name, "alignment": condition, "false_pairs_that_pass": rate},
                    **{**estimated(estimate), "false_pairs": len(false)},
                }


def figures(rows: Sequence[Row], pictures: Pictures) -> Iterator[Row]:
    """The chosen way's main ones, of what `tested` gives. samples: people; faces are asked about several times."""
    people = len(set(pictures.people[(pictures.roles == KNOWN) & ~pictures.development].tolist()))
    for row in rows:
        if row.items() >= asdict(replace(CHOSEN, enrol=MOST_ENROLLED)).items():
            for what in ("rank_1", "found_at_5.0%", "found_at_1.0%"):
                shares = {"value": row[what], "low": row[f"{what}_low"], "high": row[f"{what}_high"]}
                named = {"what": what, "people": row["people"], "pictures": row["enrol"]}
                yield {**named, **shares, "samples": people}


def estimated(estimate: Estimate | None) -> Row:
    """In columns that the documentation's tests read."""
    assert estimate is not None
    shares = zip(("value", "low", "high"), described("value", estimate).values(), strict=True)
    return {**dict(shares), "samples": estimate.samples}


def described(name: str, estimate: Estimate | None) -> Row:
    """A share with its interval."""
    if estimate is None:
        return {name: "", f"{name}_low": "", f"{name}_high": ""}
    low, high = (estimate.value if one is None else one for one in (estimate.low, estimate.high))
    return {name: round(estimate.value, 4), f"{name}_low": round(low, 4), f"{name}_high": round(high, 4)}


def shown(estimate: Estimate | None) -> float | str:
    """Four digits."""
    return "" if estimate is None else round(estimate.value, 4)


def value(estimate: Estimate | None) -> float:
    """NaN where there is none."""
    return float("nan") if estimate is None else estimate.value


if __name__ == "__main__":
    main()
