"""Where a new vector puts its example: behind a near-duplicate, behind one that is like it, or in front.

Greedy, in the order in which examples come: a candidate within a radius of one already chosen waits (T. Gonzalez,
Clustering to minimize the maximum intercluster distance, 1985, is the classical form). Of a pair the one that the model
is less sure of goes in front, as long as nobody labelled the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import numpy as np

from pipit.labels.database import Database
from pipit.labels.features import ALIKE, LENGTH, SAME
from pipit.labels.neighbours import Neighbours, Vector


def read_neighbours(connection: sqlite3.Connection) -> Neighbours:
    """Of all examples that stand for themselves."""
    found = Neighbours()
    rows = connection.execute(
        "SELECT e.n, e.thinned, f.vector FROM features f JOIN examples e ON e.n = f.n WHERE e.twin IS NULL"
    )
    for row in rows:
        found.add(row["n"], np.frombuffer(row["vector"], np.float32), thinned=bool(row["thinned"]))
    return found


def place_all(database: Database, neighbours: Neighbours, vectors: Mapping[str, Vector | None]) -> None:
    """Writes vectors down and what follows from them. By example; None for content of which none can be made.

    What takes long is done before the transaction, so that a label does not wait for it.
    """
    usable = {
        identity: vector.astype(np.float32, copy=False)
        for identity, vector in vectors.items()
        if vector is not None and vector.shape == (LENGTH,) and np.isfinite(vector).all()
    }
    likeness = neighbours.compare(np.stack(list(usable.values()))).T if usable else ()
    before = dict(zip(usable, likeness, strict=True))
    with database.write() as connection:
        for identity in vectors:
            row = connection.execute(
                "SELECT n, honest, wrong, margin FROM examples WHERE id = ? AND NOT featured", (identity,)
            ).fetchone()
            if row is None:
                continue
            connection.execute("UPDATE examples SET featured = 1 WHERE n = ?", (row["n"],))
            # Whatever is left out of a slice drawn by chance would falsify it: all of it is asked about.
            if identity in usable and not row["honest"]:
                _place(connection, neighbours, row, usable[identity], before[identity])


def _place(
    connection: sqlite3.Connection, neighbours: Neighbours, row: sqlite3.Row, vector: Vector, before: Vector
) -> None:
    number = row["n"]
    connection.execute("INSERT INTO features (n, vector) VALUES (?, ?)", (number, vector.tobytes()))
    twins, near = neighbours.find(vector, before, SAME, ALIKE)
    twin = next((one for one in twins if _stands_for(connection, one, wrong=row["wrong"])), None)
    if twin is not None:
        connection.execute("UPDATE examples SET twin = ? WHERE n = ?", (twin, number))
        return
    marks = ", ".join("?" * len(near))
    surer = connection.execute(
        f"SELECT count(*) AS count FROM examples WHERE n IN ({marks}) AND state = 'none' AND margin > ?",
        (*near, row["margin"]),
    ).fetchone()["count"]
    waits = bool(near) and surer < len(near)
    if near and not waits:
        connection.execute(f"UPDATE examples SET thinned = 1 WHERE n IN ({marks})", near)
        neighbours.thin(near)
    connection.execute("UPDATE examples SET thinned = ? WHERE n = ?", (waits, number))
    neighbours.add(number, vector, thinned=waits)


def _stands_for(connection: sqlite3.Connection, number: int, *, wrong: bool) -> bool:
    """What somebody called wrong does not wait behind what nobody looked at; and it may have been deleted by now."""
    row = connection.execute("SELECT wrong FROM examples WHERE n = ? AND twin IS NULL", (number,)).fetchone()
    return row is not None and row["wrong"] >= wrong
