"""An index of a task's examples and events, fast to ask and always possible to make anew from the registry.

registry ──pages──> feed_examples, feed_events ──┐ one transaction with the place where the next page begins
content ─────────-> feed_features ───────────────┴> SQLite <── item, queue, summary, timeline
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from pipit.errors import NotFound
from pipit.examples import Example, ExamplePage
from pipit.labels import rows, stats, timeline
from pipit.labels.database import Database
from pipit.labels.likeness import place_all, read_neighbours
from pipit.labels.neighbours import Neighbours, Vector
from pipit.labels.queue import Mode, make_item, progress, queue
from pipit.labels.resolution import Resolution, resolve
from pipit.labels.schema import NUMBER, SCHEMA
from pipit.labels.types import Event, EventPage
from pipit.labels.views import Group, Item, Moment, Progress, Queue, Summary


class LabelIndex:
    """Threads share it. One process at a time keeps features in a file. Close it, when no thread asks any more."""

    def __init__(
        self, path: Path, task: str, deleted: Callable[[Collection[str]], None] = lambda identities: None
    ) -> None:
        """A file of another schema or task, or a broken one, is made anew. Raises Unavailable, if none can be made.

        deleted: told the ids of examples that were deleted, once they are not here any more.
        """
        self._deleted = deleted
        self.task = task
        self._database = Database(path, SCHEMA, f"{NUMBER} {task}")
        self._placing = threading.Lock()
        self._neighbours: Neighbours | None = None

    def close(self) -> None:
        """Ends its connections."""
        self._database.close()

    def cursor(self, kind: str) -> str:
        """What to ask the registry with for the next page. kind: "examples" or "events"."""
        with self._database.read() as connection:
            return _noted(connection, kind)

    def clear(self) -> None:
        """Forgets all, as before the first page."""
        with self._database.write() as connection:
            for table in ("statements", "carries", "features", "examples", "events", "people", "tally"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM meta WHERE key LIKE 'after %'")
        with self._placing:
            self._neighbours = None

    def feed_examples(self, page: ExamplePage, after: str | None = None) -> bool:
        """Takes a page in, and notes where the next one begins; an empty `next` leaves that as it is.

        after: what the page was asked with. Where that is not where the next one begins any more, since somebody else
        has taken a page in or begun anew, it gives False and takes nothing in.
        """
        with self._database.write() as connection:
            if after is not None and after != _noted(connection, "examples"):
                return False
            for example in page.examples:
                rows.put_example(connection, example)
            gone = [rows.delete_example(connection, identity) for identity in page.deleted]
            _note(connection, "examples", page.next)
        if any(gone):
            with self._placing:
                self._neighbours = None
        if page.deleted:
            self._deleted(frozenset(page.deleted))
        return True

    def feed_events(self, page: EventPage, after: str | None = None) -> bool:
        """As `feed_examples`."""
        with self._database.write() as connection:
            if after is not None and after != _noted(connection, "events"):
                return False
            for identity in rows.put_events(connection, page.events):
                rows.settle(connection, identity)
            _note(connection, "events", page.next)
        return True

    def spoken_of(self, events: Iterable[Event]) -> frozenset[str]:
        """The ids of the examples of events that were taken in; for an undoing, that of what it undoes."""
        with self._database.read() as connection:
            return rows.examples_of(connection, events)

    def without_features(self, count: int) -> tuple[Example, ...]:
        """Some examples of which no vector is known yet; newest first, since those are labelled first."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT message FROM examples WHERE NOT featured ORDER BY n DESC LIMIT ?", (count,)
            ).fetchall()
        return tuple(rows.read_example(row["message"]) for row in found)

    def feed_features(self, vectors: Mapping[str, Vector | None]) -> None:
        """By example: unit vectors of `pipit.labels.features`; None for content of which none can be made."""
        with self._placing:
            if self._neighbours is None:
                with self._database.read() as connection:
                    self._neighbours = read_neighbours(connection)
            try:
                place_all(self._database, self._neighbours, vectors)
            except BaseException:
                # It may know of what was not written.
                self._neighbours = None
                raise

    def item(self, identity: str, person: str) -> Item:
        """As that person may see it. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM examples WHERE id = ?", (identity,)).fetchone()
            if row is None:
                raise NotFound(f"there is no example {identity[:100]!r} of {self.task}; it may have been deleted")
            return make_item(connection, row, person, "all")

    def items(self, identities: Collection[str], person: str) -> tuple[Item, ...]:
        """As `item`, those that are here."""
        with self._database.read() as connection:
            found = [
                connection.execute("SELECT * FROM examples WHERE id = ?", (identity,)).fetchone()
                for identity in identities
            ]
            return tuple(make_item(connection, row, person, "all") for row in found if row is not None)

    def queue(
        self, person: str, mode: Mode = Mode.WORK, count: int = 20, skip: Collection[str] = (), label: str = ""
    ) -> Queue:
        """What that person is asked about next. skip: ids that they have already. label: as `pipit.labels.queue`."""
        with self._database.read() as connection:
            return queue(connection, person, mode, count, frozenset(skip) - {""}, label)

    def progress(self) -> Progress:
        """How many examples are in which state."""
        with self._database.read() as connection:
            return progress(connection)

    def labels(self, known: Sequence[str] = ()) -> tuple[str, ...]:
        """known: those of the task's bundle; then those that people added, then others that examples carry."""
        with self._database.read() as connection:
            return stats.labels(connection, known)

    def summary(self, known: Sequence[str] = (), version: str = "") -> Summary:
        """known: as `labels`. version: whose honest accuracy is told; "": the newest that answered the slice."""
        with self._database.read() as connection:
            return stats.summary(connection, known, version)

    def groups(self) -> tuple[Group, ...]:
        """By name, those that examples belong to."""
        with self._database.read() as connection:
            return timeline.groups(connection)

    def group(self, name: str, person: str) -> tuple[Moment, ...]:
        """The examples of a group in their order, as that person may see them; empty for one that is not known."""
        with self._database.read() as connection:
            return timeline.group(connection, name, person)

    def similar(self) -> dict[str, str]:
        """Of near-duplicates, one that stands for them, by example; it is in there too. As far as vectors are known."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT e.id, t.id AS twin FROM examples e JOIN examples t ON t.n = e.twin")
            found = {row["id"]: row["twin"] for row in rows}
        return {**found, **{twin: twin for twin in found.values()}}

    def every(self) -> tuple[tuple[Example, Resolution], ...]:
        """All examples with what holds of them, oldest first: what a data set is made of."""
        with self._database.read() as connection:
            found = connection.execute("SELECT id, message FROM examples ORDER BY n").fetchall()
            return tuple(
                (rows.read_example(row["message"]), resolve(rows.events_of(connection, row["id"]))) for row in found
            )


def _noted(connection: sqlite3.Connection, kind: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (f"after {kind}",)).fetchone()
    return "" if row is None else str(row["value"])


def _note(connection: sqlite3.Connection, kind: str, after: str) -> None:
    if after:
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (f"after {kind}", after),
        )
