"""Which of a run's faces do what: stand in the cohort, set limits, validate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.cohort import LEAST

from home_security.faces.data import CROWD, UNKNOWN
from home_security.faces.kept import KeptFaces
from home_security.faces.measuring import Divided
from home_security.faces.sides import COHORT, LIMITS, VALIDATION
from home_security.faces.trials import FaceSet

MOST_COHORT = 200
"""Of the data's own strangers; a crowd comes on top."""
Entries = Sequence[Mapping[str, str]]
"""What `prepare` leaves of each picture: name, person, role and side."""


def divide(kept: KeptFaces, entries: Entries, copies: int) -> Divided:
    """copies: varied ones of each enrolment picture; 0 leaves out those that there are."""
    vectors = kept.face_set(copies=copies > 0)
    parts: dict[tuple[str, bool], set[str]] = {}
    for entry in entries:
        parts.setdefault((entry["side"], entry["role"] == UNKNOWN), set()).add(entry["person"])

    def of(side: str) -> tuple[FaceSet, FaceSet]:
        known, strangers = (sorted(parts.get((side, stranger), ())) for stranger in (False, True))
        return vectors.named(known), vectors.named(strangers)

    return Divided(
        cohort=cohort_of(kept, entries),
        choosing=of(LIMITS),
        validating=of(VALIDATION),
        copies=copies,
        qualities=kept.probe_qualities(sorted(parts.get((VALIDATION, False), ()))),
    )


def cohort_of(kept: KeptFaces, entries: Entries) -> NDArray[np.float32]:
    """One vector of each stranger of the cohort. Raises InvalidInput where faces of too few were found."""
    vectors = kept.face_set(copies=False)
    strangers = vectors.named(sorted({entry["person"] for entry in entries if entry["side"] == COHORT}))
    crowd = [name for name in strangers.names if name.startswith(CROWD)]
    names = [*[name for name in strangers.names if not name.startswith(CROWD)][:MOST_COHORT], *crowd]
    first = [int(np.flatnonzero(strangers.people == name)[0]) for name in names]
    if len(first) < LEAST:
        raise InvalidInput(
            f"faces of only {len(first)} strangers of the cohort are found; add pictures of others at unknown/"
        )
    return strangers.vectors[first]
