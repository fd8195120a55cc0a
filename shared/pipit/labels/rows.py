"""Writing into the index: each function takes an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipit._pb.pipit.examples.v1 import examples_pb2
from pipit._pb.pipit.labels.v1 import labels_pb2
from pipit.examples import Example, Reason
from pipit.labels.order import Measures, measure
from pipit.labels.resolution import Resolution, State, resolve
from pipit.labels.types import Event, Kind
from pipit.rpc.mirror import from_proto, to_proto


def read_example(message: bytes) -> Example:
    """As `put_example` wrote it."""
    return from_proto(examples_pb2.Example.FromString(message), Example)


def events_of(connection: sqlite3.Connection, example: str) -> list[Event]:
    """All that was said of an example; "" for what was said of the task itself."""
    rows = connection.execute("SELECT message FROM events WHERE example = ?", (example,))
    return [from_proto(labels_pb2.Event.FromString(row["message"]), Event) for row in rows]


def put_example(connection: sqlite3.Connection, example: Example) -> None:
    """Adds one, or what has changed of it."""
    message = to_proto(example, examples_pb2.Example).SerializeToString(deterministic=True)
    found = connection.execute("SELECT message FROM examples WHERE id = ?", (example.id,)).fetchone()
    if found is not None and found["message"] == message:
        return
    measured = measure(example, None)
    values: dict[str, Any] = {
        "id": example.id,
        "message": message,
        "honest": example.reason is Reason.RANDOM,
        "wrong": example.reason is Reason.WRONG,
        # The digits are a digest's: as good as drawn by chance, and the same in every index.
        "dice": int(example.id[-12:], 16),
        "family": example.group,
        "position": example.position,
        "taken_at": _seconds(example.taken_at),
        "version": example.version,
        **_measures(measured),
    }
    if found is not None and example.reason is Reason.WRONG:
        # What somebody called wrong waits behind nothing any more.
        values["twin"], values["thinned"] = None, 0
    names = list(values)
    connection.execute(
        f"INSERT INTO examples ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}",
        [values[name] for name in names],
    )
    if found is not None or connection.execute("SELECT 1 FROM events WHERE example = ?", (example.id,)).fetchone():
        settle(connection, example.id)


def delete_example(connection: sqlite3.Connection, identity: str) -> bool:
    """Whether there was one. One of its near-duplicates then stands for the others. Events stay."""
    found = connection.execute("SELECT n FROM examples WHERE id = ?", (identity,)).fetchone()
    if found is None:
        return False
    number = found["n"]
    heir = connection.execute("SELECT min(n) AS n FROM examples WHERE twin = ?", (number,)).fetchone()["n"]
    if heir is not None:
        connection.execute("UPDATE examples SET twin = NULL WHERE n = ?", (heir,))
        connection.execute("UPDATE examples SET twin = ? WHERE twin = ?", (heir, number))
    for table in ("statements", "carries", "features", "examples"):
        connection.execute(f"DELETE FROM {table} WHERE n = ?", (number,))
    return True


def put_events(connection: sqlite3.Connection, events: Iterable[Event]) -> set[str]:
    """Adds those that are new; gives the ids of the examples of which something else may hold now."""
    touched: set[str] = set()
    for event in events:
        target = connection.execute(
            "SELECT example FROM events WHERE by = ? AND id = ?", (event.by, event.undoes)
        ).fetchone()
        # An undoing belongs to what it undoes, whatever it says itself.
        example = target["example"] if event.kind is Kind.UNDO and target is not None else event.example
        added = connection.execute(
            "INSERT INTO events (by, id, example, undoes, message) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (event.by, event.id, example, event.undoes, to_proto(event, labels_pb2.Event).SerializeToString()),
        ).rowcount
        if added:
            touched.add(example)
            _adopt(connection, event.by, event.id, example)
    return touched


def examples_of(connection: sqlite3.Connection, events: Iterable[Event]) -> frozenset[str]:
    """The ids of the examples of events, of those that were put."""
    found = (
        connection.execute("SELECT example FROM events WHERE by = ? AND id = ?", (event.by, event.id)).fetchone()
        for event in events
    )
    return frozenset(row["example"] for row in found if row is not None) - {""}


def settle(connection: sqlite3.Connection, identity: str) -> None:
    """Writes down what holds of an example now; nothing for one that is not here (yet)."""
    row = connection.execute("SELECT n, message, answer, guess FROM examples WHERE id = ?", (identity,)).fetchone()
    if row is None:
        return
    number, found = row["n"], resolve(events_of(connection, identity))
    answer, values = row["answer"], {}
    if found.suggestion is not None or row["guess"] is not None:
        measured = measure(read_example(row["message"]), found.suggestion)
        answer, values = measured.answer, _measures(measured)
    guess = found.suggestion
    values |= {
        "state": found.state.value,
        "label": found.label,
        "hit": _hit(found, answer),
        "sayers": sum(one.kind is not Kind.SKIP for one in found.said),
        "guess": None if guess is None else guess.label,
        "guess_score": None if guess is None else guess.score,
    }
    changes = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE examples SET {changes} WHERE n = ?", [*values.values(), number])
    connection.execute("DELETE FROM statements WHERE n = ?", (number,))
    connection.executemany(
        "INSERT INTO statements (n, by, kind, label, at, seconds) VALUES (?, ?, ?, ?, ?, ?)",
        [(number, one.by, one.kind.value, one.label, one.at.timestamp(), one.seconds) for one in found.said],
    )
    connection.execute("DELETE FROM carries WHERE n = ?", (number,))
    connection.executemany("INSERT INTO carries (label, n) VALUES (?, ?)", [(each, number) for each in carried(found)])


def carried(found: Resolution) -> set[str]:
    """The labels that an example has: its own, or those of its boxes or spans."""
    if not found.state.settled:
        return set()
    inside = {box.label for box in found.boxes} | {span.label for span in found.spans}
    return inside or {found.label}


def _adopt(connection: sqlite3.Connection, by: str, identity: str, example: str) -> None:
    """Undoings that came before what they undo."""
    waiting = [identity]
    while waiting:
        rows = connection.execute(
            "SELECT id FROM events WHERE by = ? AND undoes = ? AND example != ?", (by, waiting.pop(), example)
        ).fetchall()
        for row in rows:
            connection.execute("UPDATE events SET example = ? WHERE by = ? AND id = ?", (example, by, row["id"]))
            waiting.append(row["id"])


def _hit(found: Resolution, answer: str) -> bool | None:
    """Whether the model's answer is the label; None where that can't be said."""
    if not found.state.settled or found.boxes or found.spans:
        return None
    return found.state in (State.LABEL, State.RULED) and answer == found.label


def _measures(measured: Measures) -> dict[str, Any]:
    return {
        "answer": measured.answer,
        "score": measured.score,
        "margin": measured.margin,
        "models": measured.models,
    }


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
