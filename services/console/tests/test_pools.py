"""An index that several threads fill and ask at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pipit.errors import Unavailable
from pipit.examples import ExamplePage
from pipit.labels import Event, EventPage, Kind
from pipit_console.contents import Contents
from pipit_console.pools import Pool, Pools

TASK = "test.sounds"
LABEL = Event("a", Kind.LABEL, datetime(2026, 11, 29, tzinfo=UTC), "20261129-x", label="loud", by="ann")


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """Of a console at which nobody is signed in who may fill it."""
    console = SimpleNamespace(folder=tmp_path, contents=Contents(0), sync_seconds=60.0, readers=lambda task: ())
    pool = Pool(TASK, cast(Pools, console))
    assert pool._tried.wait(60.0)
    yield pool
    pool.close()


def test_what_kept_an_index_empty_may_pass_while_somebody_asks(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = pool.index.progress
    nothing: Any = SimpleNamespace(
        examples=SimpleNamespace(list_examples=lambda task, after: ExamplePage((), (), "", more=False)),
        labels=SimpleNamespace(read_events=lambda task, after: EventPage((), "", more=False)),
    )

    def overtaken() -> Any:
        found = progress()
        pool._pull_from(nothing)
        return found

    monkeypatch.setattr(pool.index, "progress", overtaken)
    with pytest.raises(Unavailable, match="nobody is signed in"):
        pool.look()
    pool.look()


def test_a_label_does_not_bring_back_the_place_of_an_index_that_was_begun_anew(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.index.feed_events(EventPage((), "7", more=False))
    feed = pool.index.feed_events

    def overtaken(page: EventPage) -> None:
        pool.index.clear()
        feed(page)

    monkeypatch.setattr(pool.index, "feed_events", overtaken)
    pool.apply([LABEL])
    assert pool.index.cursor("events") == ""
