"""Which examples a person is shown: each way to ask is an index of its own, read from its beginning."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import StrEnum

from pipit.examples import Example
from pipit.labels.order import WINDOW, interleave, own_order
from pipit.labels.resolution import Resolution, State, resolve
from pipit.labels.rows import events_of, read_example
from pipit.labels.schema import WAITS
from pipit.labels.types import Kind
from pipit.labels.views import Item, Progress, Queue

_MOST_SIMILAR = 50
"""Near-duplicates that an item names."""
_SHOWN = (State.DISAGREEMENT, State.RULED)
"""States in which what people said is shown to everybody: who rules has to see both answers."""


class Mode(StrEnum):
    """What is asked for."""

    WORK = "work"
    DISAGREEMENTS = "disagreements"
    SUGGESTED = "suggested"
    ALL = "all"
    MINE = "mine"


_PLAIN = f"NOT wrong AND NOT honest AND {WAITS}"
_GUESSED = f"guess IS NOT NULL AND NOT honest AND {WAITS}"


def queue(
    connection: sqlite3.Connection, person: str, mode: Mode, count: int, skip: Collection[str], label: str
) -> Queue:
    """label: only such as carry it, as a suggestion, an answer or a label; "": all."""
    if mode is Mode.WORK:
        chosen, waiting = _work(connection, person, count, skip, label), progress(connection).waiting
    else:
        chosen, waiting = _listed(connection, person, mode, count, skip, label)
    return Queue(tuple(make_item(connection, row, person, why) for why, row in chosen), waiting)


def make_item(connection: sqlite3.Connection, row: sqlite3.Row, person: str, why: str) -> Item:
    """row: of the table `examples`, whole."""
    example, resolution = read_example(row["message"]), resolve(events_of(connection, row["id"]))
    own = tuple(one for one in resolution.said if one.by == person)
    # Who skips it may still label it later.
    blind = bool(row["honest"]) and all(one.kind is Kind.SKIP for one in own)
    if blind:
        example = _without_answers(example)
        shown = resolution.state in _SHOWN
        resolution = (
            replace(resolution, suggestion=None) if shown else Resolution(State.SKIP if own else State.NONE, said=own)
        )
    first = row["n"] if row["twin"] is None else row["twin"]
    similar = connection.execute(
        "SELECT id FROM examples WHERE twin = ? AND n != ? UNION ALL SELECT id FROM examples WHERE n = ? AND n != ? "
        "LIMIT ?",
        (first, row["n"], first, row["n"], _MOST_SIMILAR),
    )
    return Item(example, resolution, why, bool(row["honest"]), blind, tuple(one["id"] for one in similar))


def progress(connection: sqlite3.Connection) -> Progress:
    """From the tally: it has as many rows as there are sorts of examples, not as there are examples."""
    states = {
        (row["state"], row["twin"]): row["count"]
        for row in connection.execute("SELECT state, twin, sum(count) AS count FROM tally GROUP BY state, twin")
    }

    def number(*wanted: State) -> int:
        return sum(count for (state, _), count in states.items() if state in wanted)

    duplicates = states.get(("none", 1), 0)
    return Progress(
        examples=sum(states.values()),
        labelled=number(State.LABEL, State.RULED),
        skipped=number(State.SKIP),
        waiting=number(State.NONE) - duplicates,
        disagreements=number(State.DISAGREEMENT),
        duplicates=duplicates,
    )


def _work(
    connection: sqlite3.Connection, person: str, count: int, skip: Collection[str], label: str
) -> list[tuple[str, sqlite3.Row]]:
    narrow, values = ("AND answer = ?", (label,)) if label else ("", ())
    marks = ", ".join("?" * len(skip))
    skipped = {row["n"] for row in connection.execute(f"SELECT n FROM examples WHERE id IN ({marks})", tuple(skip))}

    most = max(WINDOW, count) + len(skipped)

    def window(condition: str, order: str) -> Sequence[int]:
        # The number alone stands in each index, so that no row is read of what is not chosen.
        rows = connection.execute(
            f"SELECT n FROM examples WHERE {condition} {narrow} ORDER BY {order} LIMIT {most}", values
        )
        return own_order([row["n"] for row in rows if row["n"] not in skipped], person)

    lists = {
        "margin": window(_PLAIN, "thinned, margin, n"),
        "models": window(f"models > 0 AND {_PLAIN}", "thinned, models DESC, n"),
        # Who asks for one label is told what the model said; the honest slice has to be labelled without.
        "random": [] if label else window(f"honest AND {WAITS}", "dice, n"),
    }
    chosen = dict.fromkeys(window(f"wrong AND NOT honest AND {WAITS}", "n")[:count], "wrong")
    for why, number in interleave(lists, _before(connection, person) + len(skip)):
        if len(chosen) == count:
            break
        chosen.setdefault(number, why)
    return [(why, _whole(connection, number)) for number, why in chosen.items()]


def _before(connection: sqlite3.Connection, person: str) -> int:
    row = connection.execute("SELECT statements FROM people WHERE by = ?", (person,)).fetchone()
    return 0 if row is None else int(row["statements"])


def _listed(
    connection: sqlite3.Connection, person: str, mode: Mode, count: int, skip: Collection[str], label: str
) -> tuple[list[tuple[str, sqlite3.Row]], int]:
    source, condition, order, values = _SOURCES[mode, bool(label)]
    filled = {"person": person, "label": label}
    rows = connection.execute(
        f"SELECT examples.* FROM {source} WHERE {condition} ORDER BY {order} LIMIT {count + len(skip)}", filled
    ).fetchall()
    total = values or f"SELECT count(*) FROM {source} WHERE {condition}"
    why = "people" if mode is Mode.DISAGREEMENTS else mode.value
    counted = connection.execute(total, filled).fetchone()
    return [(why, row) for row in rows if row["id"] not in skip][:count], (counted and counted[0]) or 0


_SAID = "EXISTS (SELECT 1 FROM statements s WHERE s.n = examples.n AND s.{} = :{})"
_MINE = "statements s JOIN examples USING (n)"
_TALLIED = "SELECT sum(count) FROM tally WHERE state = 'none' AND NOT honest AND NOT twin AND guess"
_SOURCES = {
    (Mode.DISAGREEMENTS, False): (
        "examples",
        "state = 'disagreement'",
        "n",
        "SELECT sum(count) FROM tally WHERE state = 'disagreement'",
    ),
    (Mode.DISAGREEMENTS, True): (
        "examples",
        f"state = 'disagreement' AND {_SAID.format('label', 'label')}",
        "n",
        "",
    ),
    (Mode.SUGGESTED, False): ("examples", _GUESSED, "guess_score, n", f"{_TALLIED} != ''"),
    (Mode.SUGGESTED, True): (
        "examples",
        f"{_GUESSED} AND guess = :label",
        "guess_score, n",
        f"{_TALLIED} = '=' || :label",
    ),
    (Mode.MINE, False): (_MINE, "s.by = :person", "s.at DESC", "SELECT statements FROM people WHERE by = :person"),
    (Mode.MINE, True): (_MINE, "s.by = :person AND s.label = :label", "s.at DESC", ""),
    (Mode.ALL, False): ("examples", "1", "n DESC", "SELECT sum(count) FROM tally"),
    # To be listed under a label tells it, which nobody may know of the honest slice before they have said theirs.
    (Mode.ALL, True): (
        "carries c JOIN examples USING (n)",
        "c.label = :label AND (NOT honest OR EXISTS "
        "(SELECT 1 FROM statements s WHERE s.n = examples.n AND s.by = :person AND s.kind != 'skip'))",
        "c.n DESC",
        "",
    ),
}
"""By mode, and whether one label is asked for: tables, condition, order, and what counts faster than by the rows."""


def _whole(connection: sqlite3.Connection, number: int) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute("SELECT * FROM examples WHERE n = ?", (number,)).fetchone()
    return row


def _without_answers(example: Example) -> Example:
    return replace(example, version="", parts=(), other_version="", other_parts=(), corrected="", was_corrected=False)
