"""What is counted of a task: labels, progress, balance, agreement, and what the honest slice says of a version."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from pipit.bundle.version import SemanticVersion
from pipit.errors import InvalidInput
from pipit.intervals import wilson
from pipit.labels.queue import progress
from pipit.labels.resolution import standing
from pipit.labels.rows import events_of
from pipit.labels.types import Kind
from pipit.labels.views import Accuracy, Agreement, Honest, LabelCount, Person, Progress, Summary
from pipit.printable import counted

MOST_TIMES = 3
"""How many times the smallest class the largest may be before advice is given."""
ENOUGH_HONEST = 30
"""Labels of the honest slice below which its interval is too wide to say much: 0.9 would be 0.74 to 0.97."""

Units = Sequence[Mapping[str, str]]
"""Of each example that several people labelled: label by person."""


def labels(connection: sqlite3.Connection, known: Sequence[str]) -> tuple[str, ...]:
    """Each once: the known ones, those that people added, and others that examples carry; "" is not one of them."""
    added = [event.label for event in standing(events_of(connection, "")) if event.kind is Kind.ADD_LABEL]
    carried = [row["label"] for row in connection.execute("SELECT DISTINCT label FROM carries ORDER BY label")]
    return tuple(label for label in dict.fromkeys([*known, *added, *carried]) if label)


def summary(connection: sqlite3.Connection, known: Sequence[str], version: str) -> Summary:
    """See `LabelIndex.summary`."""
    carried = dict(connection.execute("SELECT label, count(*) FROM carries GROUP BY label").fetchall())
    guessed = connection.execute(
        "SELECT substr(guess, 2), sum(count) FROM tally WHERE guess != '' AND NOT honest AND NOT twin GROUP BY guess"
    )
    suggested = dict(guessed.fetchall())
    counts = tuple(
        LabelCount(label, carried.get(label, 0), suggested.get(label, 0)) for label in labels(connection, known)
    )
    found, slice_, units = progress(connection), honest(connection, version), _units(connection)
    return Summary(counts, found, slice_, _people(connection, units), agreement(units), _advice(counts, found, slice_))


def honest(connection: sqlite3.Connection, version: str) -> Honest:
    """version: "" for the newest that answered a labelled example of the slice."""
    rows = connection.execute(
        "SELECT version, state IN ('label', 'ruled') AS settled, hit, sum(count) AS count FROM tally "
        "WHERE honest GROUP BY version, settled, hit"
    ).fetchall()
    judged: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row in rows:
        if row["version"] and row["hit"] >= 0:
            judged[row["version"]] += row["count"]
            right[row["version"]] += row["count"] * row["hit"]
    version = version or max((one for one in judged if judged[one]), key=_newness, default="")
    samples, hits = judged[version], right[version]
    accuracy = Accuracy(hits / samples, *wilson(hits, samples), samples) if samples else None
    labelled = sum(row["count"] for row in rows if row["settled"])
    return Honest(sum(row["count"] for row in rows), labelled, version, accuracy)


def agreement(units: Units) -> Agreement | None:
    """Of all people, beyond what chance would give; None where no example was labelled by two."""
    people = {by for unit in units for by in unit}
    if not units:
        return None
    pairs = [tuple(unit[by] for by in sorted(unit)) for unit in units]
    if len(people) == 2:
        return Agreement("kappa", cohens_kappa([(pair[0], pair[1]) for pair in pairs]), len(units))
    return Agreement("alpha", krippendorffs_alpha(pairs), len(units))


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Agreement of two people who labelled the same examples: 1 is perfect, 0 as good as chance.

    1 where both only ever used one and the same label. Source: J. Cohen, A coefficient of agreement for nominal scales,
    Educational and Psychological Measurement 20 (1960). pairs: at least one.
    """
    size = len(pairs)
    observed = sum(one == other for one, other in pairs) / size
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ones[label] * others[label] for label in ones) / size**2
    return 1.0 if chance == 1.0 else (observed - chance) / (1.0 - chance)


def krippendorffs_alpha(units: Sequence[Sequence[str]]) -> float:
    """Agreement of any number of people, each of whom labelled some of the examples; nominal labels.

    1 where only one label was ever used. Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011),
    section C. units: what was said of each example; those with fewer than two labels say nothing.
    """
    useful = [unit for unit in units if len(unit) > 1]
    totals = Counter(label for unit in useful for label in unit)
    size = sum(totals.values())
    # Pairs within an example that differ, each example weighed by how many labels it has.
    apart = sum(sum(one != other for one, other in combinations(unit, 2)) * 2 / (len(unit) - 1) for unit in useful)
    by_chance = size * size - sum(count * count for count in totals.values())
    return 1.0 if not by_chance else 1.0 - (size - 1) * apart / by_chance


def _units(connection: sqlite3.Connection) -> Units:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    # CROSS: the few examples of several people first, and not the many statements.
    rows = connection.execute(
        "SELECT s.n, s.by, s.label FROM examples e INDEXED BY by_sayers CROSS JOIN statements s ON s.n = e.n "
        "WHERE e.sayers > 1 AND s.kind = 'label'"
    )
    for row in rows:
        found[row["n"]][row["by"]] = row["label"]
    return [unit for unit in found.values() if len(unit) > 1]


def _people(connection: sqlite3.Connection, units: Units) -> tuple[Person, ...]:
    met: Counter[str] = Counter()
    same: Counter[str] = Counter()
    for unit in units:
        for one, other in combinations(unit, 2):
            for by in (one, other):
                met[by] += 1
                same[by] += unit[one] == unit[other]
    rows = connection.execute("SELECT by, statements FROM people WHERE statements > 0 ORDER BY statements DESC, by")
    return tuple(
        Person(
            row["by"],
            row["statements"],
            _median_seconds(connection, row["by"]),
            same[row["by"]] / met[row["by"]] if met[row["by"]] else None,
        )
        for row in rows.fetchall()
    )


def _median_seconds(connection: sqlite3.Connection, person: str) -> float | None:
    known = "FROM statements WHERE by = ? AND seconds > 0"
    count = connection.execute(f"SELECT count(*) {known}", (person,)).fetchone()[0]
    if not count:
        return None
    middle = connection.execute(
        f"SELECT avg(seconds) FROM (SELECT seconds {known} ORDER BY seconds LIMIT ? OFFSET ?)",
        (person, 2 - count % 2, (count - 1) // 2),
    )
    return float(middle.fetchone()[0])


def _advice(counts: Sequence[LabelCount], found: Progress, slice_: Honest) -> tuple[str, ...]:
    advice = []
    used = [one for one in counts if one.count]
    if len(used) > 1:
        most, least = max(used, key=lambda one: one.count), min(used, key=lambda one: one.count)
        if most.count > MOST_TIMES * least.count:
            advice.append(
                f"{most.label!r} has {counted(most.count, 'example')} and {least.label!r} {least.count}: a network "
                f"learns the larger class better. Label more of {least.label!r}, until none has over {MOST_TIMES} "
                "times another."
            )
    missing = [one.label for one in counts if not one.count]
    if missing and found.labelled:
        advice.append(f"No example yet of {', '.join(map(repr, missing))}.")
    if found.disagreements:
        advice.append(
            f"People disagree about {counted(found.disagreements, 'example')}; no data set has "
            f"{'it' if found.disagreements == 1 else 'them'} until somebody decides."
        )
    if slice_.examples and slice_.labelled < ENOUGH_HONEST:
        labelled = f"{slice_.labelled} {'is' if slice_.labelled == 1 else 'are'} labelled"
        advice.append(
            f"The honest slice has {counted(slice_.examples, 'example')}, and {labelled}; from {ENOUGH_HONEST} on it "
            "begins to say how good the model is."
        )
    return tuple(advice)


def _newness(version: str) -> tuple[bool, SemanticVersion]:
    try:
        return True, SemanticVersion(version)
    except InvalidInput:
        return False, SemanticVersion("0.0.0")
