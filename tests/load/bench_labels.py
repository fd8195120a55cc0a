"""The index of labels with 100,000 examples: the first filling, the next question, a label stored, the counts.

Written to docs/measured/labels.csv. Vectors are drawn around 5,000 centres, so that near-duplicates are found, as in
recordings of a camera that looks at the same place.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import TypeVar

import numpy as np
from measure import milliseconds, write_csv
from pipit.examples import Example, ExamplePage, Part, Reason, Score
from pipit.labels import Event, EventPage, Kind
from pipit.labels.features import LENGTH
from pipit.labels.index import LabelIndex
from pipit.labels.queue import Mode
from pipit.labels.sync import STEP

LABELS = ("dog", "cat", "fox", "bird", "baby", "door", "glass", "alarm", "water", "background")
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
PAGE = 1000
CENTRES = 5000
T = TypeVar("T")


def examples(count: int, generator: np.random.Generator) -> Iterator[Example]:
    """A tenth by chance, a tenth with a second model, a hundredth called wrong; 200 to a group."""
    for number in range(count):
        taken = BEGIN + timedelta(seconds=20 * number)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        drawn = generator.dirichlet(np.full(len(LABELS), 0.3))
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
            parts=(_part(drawn),),
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


class Clock:
    """Times calls by the clock and by this thread's own time on the processor, which other work does not lengthen."""

    def __init__(self) -> None:
        self._taken: dict[str, list[tuple[float, float]]] = {}

    def __call__(self, what: str, call: Callable[[], T]) -> T:
        """Gives what the call gives."""
        begun, busy = perf_counter(), thread_time()
        given = call()
        self._taken.setdefault(what, []).append((perf_counter() - begun, thread_time() - busy))
        return given

    def table(self) -> list[dict[str, object]]:
        """A row for each thing."""
        rows: list[dict[str, object]] = []
        for what, taken in self._taken.items():
            wall, busy = np.array(taken).T
            rows.append(
                {
                    "what": what,
                    "median_ms": milliseconds(wall, 50),
                    "p95_ms": milliseconds(wall, 95),
                    "processor_median_ms": milliseconds(busy, 50),
                    "processor_p95_ms": milliseconds(busy, 95),
                    "samples": len(wall),
                }
            )
        return rows


def main() -> None:
    """Fills an index, then asks it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--vectors", type=int, default=30_000, help="Examples that get one.")
    parser.add_argument("--questions", type=int, default=1000)
    arguments = parser.parse_args()
    generator = np.random.default_rng(17)
    pool = list(examples(arguments.examples, generator))
    pages = [
        ExamplePage(tuple(pool[start : start + PAGE]), (), str(start), more=True) for start in range(0, len(pool), PAGE)
    ]
    drawn = vectors(min(arguments.vectors, len(pool)), generator)
    steps = [
        {pool[place].id: drawn[place] for place in range(start, min(start + STEP, len(drawn)))}
        for start in range(0, len(drawn), STEP)
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.sqlite"
        index = LabelIndex(path, "bench.labels")
        clock(f"first filling with {len(pool)} examples", lambda: [index.feed_examples(page) for page in pages])
        for step in steps:
            clock(f"{STEP} vectors placed among up to {len(drawn)}", partial(index.feed_features, step))
        for number in range(arguments.questions):
            person = f"person-{number % 5}"
            (item,) = clock("the next question", partial(index.queue, person, count=1)).items
            clock("the next 20 questions", partial(index.queue, person, count=20))
            clock("the next 20 questions about one label", partial(index.queue, person, label=LABELS[number % 10]))
            at = BEGIN + timedelta(days=40, seconds=number)
            label = LABELS[number % 10]
            event = Event(f"e{number}", Kind.LABEL, at, item.example.id, label=label, by=person, seconds=1.5)
            clock("an event applied", partial(index.feed_events, EventPage((event,), str(number), more=False)))
            clock("20 examples, newest first", partial(index.queue, person, Mode.ALL))
        for _ in range(20):
            clock("everything counted", partial(index.summary, LABELS))
            clock("the groups of the timeline", index.groups)
        index.close()
        again = clock("opened again, with a check of all pages", partial(LabelIndex, path, "bench.labels"))
        again.close()
    rows = clock.table()
    write_csv("labels", rows, ("numpy",))


if __name__ == "__main__":
    main()
