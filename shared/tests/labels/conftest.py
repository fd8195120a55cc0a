"""A pool of examples, and an index of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pipit.examples import Example, ExamplePage, Part, Reason, Score
from pipit.examples.ids import example_id
from pipit.labels import Event, EventPage, Kind
from pipit.labels.index import LabelIndex

BEGIN = datetime(2026, 11, 29, 12, tzinfo=UTC)
TASK = "test.pets"


def make_example(number: int, best: float = 0.9, **changes: Any) -> Example:
    """Of which a model said "dog" with a score of `best`, "cat" with the rest."""
    content = str(number).encode()
    taken = BEGIN + timedelta(seconds=number)
    scores = tuple(sorted((Score("dog", best), Score("cat", 1 - best)), key=lambda score: -score.score))
    plain = Example(
        id=example_id(taken, content),
        task=TASK,
        media_type="image/png",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        reason=Reason.UNCERTAIN,
        taken_at=taken,
        version="1.0.0",
        parts=(Part(scores=scores, label=scores[0].label),),
    )
    return replace(plain, **changes)


class Pool:
    """Examples and events as the registry would tell of them."""

    def __init__(self, index: LabelIndex) -> None:
        self.index = index
        self._count = 0

    def bring(self, *examples: Example, deleted: tuple[str, ...] = ()) -> None:
        self.index.feed_examples(ExamplePage(examples, deleted, f"{len(examples)}", more=False))

    def event(self, example: Example | str, by: str, kind: Kind = Kind.LABEL, label: str = "", **more: Any) -> Event:
        self._count += 1
        identity = example if isinstance(example, str) else example.id
        at = BEGIN + timedelta(hours=1, seconds=self._count)
        return Event(f"event-{self._count:04}", kind, at, identity, label=label, by=by, **more)

    def say(self, example: Example | str, by: str, label: str = "", kind: Kind = Kind.LABEL, **more: Any) -> Event:
        event = self.event(example, by, kind, label, **more)
        self.feed(event)
        return event

    def feed(self, *events: Event) -> None:
        self.index.feed_events(EventPage(events, f"{self._count}", more=False))


@pytest.fixture
def make() -> Callable[..., Example]:
    return make_example


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LabelIndex]:
    index = LabelIndex(tmp_path / "index" / "pets.sqlite", TASK)
    yield index
    index.close()


@pytest.fixture
def pool(index: LabelIndex) -> Pool:
    return Pool(index)
