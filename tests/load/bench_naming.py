"""Naming: how long one face takes, and how long a gallery takes to be fitted, by the number of people.

    python tests/load/bench_naming.py [rounds]

Vectors are drawn at random about a place for each person, five a person, 128 numbers each, beside a cohort of 100.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from measure import timed, write_csv
from numpy.typing import NDArray
from pipit.faces.gallery import Consent, Gallery, Person, Template
from pipit.faces.naming import Namer, NamingSettings
from pipit.faces.operating import OperatingPoints

ROUNDS = 300
PEOPLE = (1, 5, 20, 100, 1000)
DIMENSIONS, EACH, STRANGERS = 128, 5, 100
CONSENT = Consent("", "", "")


def main() -> None:
    """Prints and writes `docs/measured/faces_naming.csv`."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    generator = np.random.default_rng(1)
    cohort = unit(generator.normal(size=(STRANGERS, DIMENSIONS)))
    rows: list[dict[str, object]] = []
    for method in ("cosine", "svm", "both"):
        settings = NamingSettings(method, 0.01, OperatingPoints((0.01,), (1,), ((1.0,),), 0.3), nearest=30)
        for number in PEOPLE:
            people = [person(index, generator) for index in range(number + 1)]
            made: list[Namer] = []
            first = timed(lambda: made.append(Namer(gallery(people[:-1]), cohort, settings, "e")))  # noqa: B023
            again = timed(lambda: Namer(gallery(people), cohort, settings, "e", made[0]))  # noqa: B023
            face = people[0].templates[0].vector[np.newaxis]
            taken = sorted(timed(lambda: made[0].name(face)) for _ in range(rounds))  # noqa: B023
            rows.append(
                {
                    "method": method,
                    "people": number,
                    "name_ms_p50": round(1e3 * taken[len(taken) // 2], 3),
                    "name_ms_p95": round(1e3 * taken[int(0.95 * len(taken))], 3),
                    "fit_s": round(first, 3),
                    "fit_one_more_s": round(again, 3),
                }
            )
    write_csv("faces_naming", rows, ("numpy",))


def unit(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Of length 1."""
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


def person(index: int, generator: np.random.Generator) -> Person:
    """Whose pictures are about as alike as those of real people are to an embedder."""
    place = generator.normal(size=DIMENSIONS)
    vectors = unit(place + generator.normal(0.0, 0.8, (EACH, DIMENSIONS)))
    return Person(f"{index:032x}", str(index), CONSENT, tuple(Template(vector, "e", 1.0, "") for vector in vectors))


def gallery(people: Sequence[Person]) -> Gallery:
    return Gallery("home", 1, tuple(people))


if __name__ == "__main__":
    main()
