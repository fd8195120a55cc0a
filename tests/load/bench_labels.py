"""The index of labels with 100,000 examples: the first filling, the next question, a label stored, the counts.

Written to docs/measured/labels.csv. Vectors are drawn around 5,000 centres, so that near-duplicates are found, as in
recordings of a camera that looks at the same place.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
from measure import milliseconds, timed, write_csv
from pipit.examples import Example, ExamplePage, Part, Reason, Score
from pipit.labels import Event, EventPage, Kind
from pipit.labels.features import LENGTH
from pipit.labels.index import LabelIndex
from pipit.labels.queue import Mode

LABELS = ("dog", "cat", "fox", "bird", "baby", "door", "glass", "alarm", "water", "background")
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
PAGE = 1000
CENTRES = 5000


def examples(count: int, generator: np.random.Generator) -> Iterator[Example]:
    """A tenth by chance, a tenth with a second model, a hundredth called wrong; 200 to a group."""
    for number in range(count):
        taken = BEGIN + timedelta(seconds=20 * number)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        drawn = generator.dirichlet(np.full(len(LABELS), 0.3))
        parts = tuple(_part(drawn) for _ in range(1))
        other = (_part(generator.dirichlet(np.full(len(LABELS), 0.3))),) if generator.random() < 0.1 else ()
        chance = generator.random()
        reason = Reason.RANDOM if chance < 0.1 else Reason.WRONG if chance < 0.11 else Reason.UNCERTAIN
        yield Example(
            id=f"{taken:%Y%m%d}-{digest[:32]}",
            task="bench.labels",
            media_type="audio/wav",
            bytes=160_044,
            sha256=digest,
            reason=reason,
            device_id=f"pi-{number % 20}",
            taken_at=taken,
            version="1.0.0",
            parts=parts,
            other_version="1.1.0" if other else "",
            other_parts=other,
            group=f"evening-{number // 200}",
            position=float(number % 200),
        )


def _part(scores: np.ndarray) -> Part:
    order = np.argsort(-scores)
    return Part(
        scores=tuple(Score(LABELS[index], float(scores[index])) for index in order), label=LABELS[int(order[0])]
    )


def vectors(count: int, generator: np.random.Generator) -> np.ndarray:
    """Unit vectors, float32, (count, LENGTH)."""
    centres = generator.normal(size=(CENTRES, LENGTH))
    found = centres[generator.integers(0, CENTRES, count)] + generator.normal(scale=0.3, size=(count, LENGTH))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Fills an index, then asks it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=1000)
    arguments = parser.parse_args()
    generator = np.random.default_rng(17)
    pool = list(examples(arguments.examples, generator))
    rows: list[dict[str, object]] = []

    def note(what: str, seconds: list[float]) -> None:
        values = np.array(seconds)
        rows.append(
            {
                "what": what,
                "median_ms": milliseconds(values, 50),
                "p95_ms": milliseconds(values, 95),
                "samples": len(values),
            }
        )
        print(rows[-1], flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory() as folder:
        index = LabelIndex(Path(folder) / "labels.sqlite", "bench.labels")
        begun = perf_counter()
        for start in range(0, len(pool), PAGE):
            index.feed_examples(ExamplePage(tuple(pool[start : start + PAGE]), (), str(start), more=True))
        note(f"first filling with {len(pool)} examples", [perf_counter() - begun])
        drawn = vectors(len(pool), generator)
        steps = []
        for start in range(0, len(pool), 50):
            step = {pool[start + place].id: drawn[start + place] for place in range(min(50, len(pool) - start))}
            steps.append(timed(lambda step=step: index.feed_features(step)))
        note("50 vectors placed among all before", steps)
        ask, stored, pages = [], [], []
        for number in range(arguments.questions):
            person = f"person-{number % 5}"
            begun = perf_counter()
            (item,) = index.queue(person, count=1).items
            ask.append(perf_counter() - begun)
            pages.append(timed(lambda person=person: index.queue(person, count=20)))
            event = Event(
                f"e{number}", Kind.LABEL, BEGIN + timedelta(days=40, seconds=number), item.example.id, by=person,
                label=LABELS[number % 10], seconds=1.5,
            )  # fmt: skip
            page = EventPage((event,), str(number), more=False)
            stored.append(timed(lambda page=page: index.feed_events(page)))
        note("the next question", ask)
        note("the next 20 questions", pages)
        note("an event applied", stored)
        some = [generator.choice(LABELS) for _ in range(100)]
        note("the next 20 of one label", [timed(lambda label=label: index.queue("ann", label=label)) for label in some])
        note("all, newest first", [timed(lambda: index.queue("ann", Mode.ALL)) for _ in range(100)])
        note("summary", [timed(lambda: index.summary(LABELS)) for _ in range(20)])
        note("groups of the timeline", [timed(index.groups) for _ in range(20)])
        index.close()
        begun = perf_counter()
        index = LabelIndex(Path(folder) / "labels.sqlite", "bench.labels")
        note("opened again, with a check of all pages", [perf_counter() - begun])
        index.close()
    write_csv("labels", rows, ("numpy",))


if __name__ == "__main__":
    main()
