"""How alike two faces are, in a unit that means the same for every embedder, and the limits of it.

Two strangers have a cosine of 0.04 on average to one embedder, and of 0.85 to another whose space has no centre. So a
cosine is counted from that of strangers on: 0 is as alike as two strangers of a cohort, 1 is the same picture. How far
a person's own pictures spread between the two still differs; docs/measured/faces.md has the quantiles behind the limits
that recipes name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.faces.cohort import unpack_cohort

DUPLICATE, ALIKE, KNOWN = 0.95, 0.4, 0.6
"""Limits where a bundle names none."""
_NAMES = ("duplicate", "alike", "known")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Limits, in the module's unit.

    duplicate: two pictures that are more alike are one. alike: least for two pictures of one person, in the median over
    the person's pictures. known: a face that is more like the mean of somebody is of that person, where nothing else is
    to be compared with. strangers: the mean cosine of two strangers.
    """

    duplicate: float = DUPLICATE
    alike: float = ALIKE
    known: float = KNOWN
    strangers: float = 0.0

    @overload
    def of(self, cosine: float) -> float: ...
    @overload
    def of(self, cosine: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def of(self, cosine: Any) -> Any:
        """How alike two vectors with this cosine are; of one, or of each in an array."""
        return (cosine - self.strangers) / (1.0 - self.strangers)

    def to_parameters(self) -> dict[str, float]:
        """The limits, as a bundle holds them; the mean follows from its cohort."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def of_bundle(cls, parameters: Mapping[str, Any]) -> Likeness:
        """Of a pipeline's parameters: `likeness` where it names other limits, and `cohort`.

        Raises InvalidInput for what is no limit, not known, or no cohort.
        """
        given = parameters.get("likeness", {})
        try:
            limits = {name: float(value) for name, value in given.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise InvalidInput(f"a limit of likeness is no number ({error}); make the bundle anew") from error
        if limits.keys() - set(_NAMES) or not all(-1.0 <= value <= 1.0 for value in limits.values()):
            raise InvalidInput(f"limits of likeness are called {', '.join(_NAMES)}, -1 to 1; make the bundle anew")
        likeness = cls(**limits)
        if "cohort" not in parameters:
            return likeness
        try:
            dimensions = int(parameters["embedder"]["dimensions"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("a cohort needs the embedder's dimensions; make the bundle anew") from error
        return replace(likeness, strangers=mean_cosine(unpack_cohort(parameters["cohort"], dimensions)))


def mean_cosine(vectors: NDArray[np.floating]) -> float:
    """Of two different ones; 0 for fewer than two. vectors: of length 1, shape (n, dimensions)."""
    count = len(vectors)
    if count < 2:
        return 0.0
    total = np.asarray(vectors, np.float64).sum(axis=0)
    return float((total @ total - count) / (count * (count - 1)))
