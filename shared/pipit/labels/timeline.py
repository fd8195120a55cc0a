"""Groups of examples, such as the frames of a recording, in their order."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from pipit.labels.resolution import State
from pipit.labels.views import Group, Moment


def groups(connection: sqlite3.Connection) -> tuple[Group, ...]:
    """By name."""
    rows = connection.execute(
        "SELECT family, count(*) AS items, sum(state IN ('label', 'ruled')) AS labelled, min(position) AS start, "
        "max(position) AS stop, min(taken_at) AS first, max(taken_at) AS last "
        "FROM examples WHERE family != '' GROUP BY family"
    )
    return tuple(
        Group(
            row["family"],
            row["items"],
            row["labelled"],
            row["start"],
            row["stop"],
            _moment(row["first"]),
            _moment(row["last"]),
        )
        for row in rows
    )


def group(connection: sqlite3.Connection, name: str, person: str) -> tuple[Moment, ...]:
    """By position, then by time. The honest slice shows neither answer nor label to who hasn't labelled it."""
    rows = connection.execute(
        "SELECT id, position, taken_at, score, label, state, ifnull(guess, answer) AS suggested, honest AND NOT EXISTS "
        "(SELECT 1 FROM statements s WHERE s.n = examples.n AND s.by = ? AND s.kind != 'skip') AS blind "
        "FROM examples WHERE family = ? AND family != '' ORDER BY position, taken_at, n",
        (person, name),
    )
    return tuple(
        Moment(
            row["id"],
            row["position"],
            _moment(row["taken_at"]),
            None if row["blind"] else row["score"],
            "" if row["blind"] else row["label"],
            State.NONE if row["blind"] else State(row["state"]),
            "" if row["blind"] else row["suggested"],
        )
        for row in rows
    )


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
