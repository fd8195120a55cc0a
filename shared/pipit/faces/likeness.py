"""How alike two faces are, in a unit that means the same for every embedder, and the limits of it.

Two strangers have a cosine of 0.04 on average to one embedder, and of 0.85 to another whose space has no centre. So a
cosine is counted from that of strangers on: 0 is as alike as two strangers of a cohort, 1 is the same picture.

On 40 people of LFW with 8 pictures each, cut to 160 pixels, by MobileFaceNet and by dlib's network:

    one picture, moved, turned by 2 degrees, made lighter or smaller    0.95 and 0.96 in 95 of 100 cases or more
    two pictures of one person                                          0.90 and 0.92 at most
    a picture and the median over the person's others                   0.42 and 0.51 in 95 of 100 cases or more
    a picture and the median over another person's                      0.34 and 0.42 in 99 of 100 cases or less
    a picture and the mean of the likeliest of 39 others                0.53 and 0.59 in 99 of 100 cases or less

By these limits 140 (dlib) and 147 (MobileFaceNet) of 147 pictures of somebody else among four of one person are
refused, and none and 12 of 588 of the person's own; these were 50 other people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.faces.cohort import unpack_cohort

_NAMES = ("duplicate", "alike", "known")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Limits, in the module's unit.

    duplicate: two pictures that are more alike are one. alike: least for two pictures of one person, in the median over
    the person's pictures. known: a face that is more like the mean of somebody is of that person, where nothing else is
    to be compared with. strangers: the mean cosine of two strangers.
    """

    duplicate: float = 0.95
    alike: float = 0.4
    known: float = 0.6
    strangers: float = 0.0

    def of(self, cosine: float) -> float:
        """How alike two vectors with this cosine are."""
        return (cosine - self.strangers) / (1.0 - self.strangers)

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
