"""Who does what, by person: nobody who sets limits or stands in the cohort validates.

strangers   cohort │ limits │ validation
known       limits │ validation
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pipit.errors import InvalidInput
from pipit.faces.cohort import LEAST

from home_security.faces.data import UNKNOWN, FacePicture
from home_security.faces.recipe import FaceSplit
from home_security.faces.trials import FEWEST_STRANGERS

COHORT, LIMITS, VALIDATION = "cohort", "limits", "validation"
FEWEST_KNOWN = 20
"""Known people, of whom some may be given up to set limits."""


def choose_sides(pictures: Sequence[FacePicture], split: FaceSplit, seed: int) -> dict[str, str]:
    """The side of each person. Raises InvalidInput for too few strangers, or nobody who is to be known."""
    known = sorted({picture.person for picture in pictures if picture.role != UNKNOWN})
    strangers = sorted({picture.person for picture in pictures if picture.role == UNKNOWN})
    if not known:
        raise InvalidInput("nobody is to be known; put pictures at known/<person>/*.jpg")
    if len(strangers) < LEAST:
        raise InvalidInput(
            f"{len(strangers)} strangers are too few to tell known people from; put pictures of {LEAST} or more "
            "others, better 100, at unknown/<anybody>/*.jpg"
        )
    generator = np.random.default_rng(seed)
    known, strangers = ([names[i] for i in generator.permutation(len(names))] for names in (known, strangers))
    cohort = max(LEAST, round(split.cohort_share * len(strangers)))
    limits, known_limits = round(split.limits_share * len(strangers)), round(split.limits_known_share * len(known))
    if len(known) < FEWEST_KNOWN or len(strangers) - cohort < FEWEST_STRANGERS:
        limits = known_limits = 0
    sides = dict.fromkeys(strangers[:cohort], COHORT)
    sides |= dict.fromkeys(strangers[cohort : cohort + limits] + known[:known_limits], LIMITS)
    return sides | dict.fromkeys(strangers[cohort + limits :] + known[known_limits:], VALIDATION)


def describe_sides(split: FaceSplit, seed: int) -> str:
    """In words that let somebody repeat it."""
    return (
        f"people drawn with seed {seed}: {split.cohort_share:.0%} of strangers are the cohort, "
        f"{split.limits_share:.0%} of strangers and {split.limits_known_share:.0%} of known people set limits, all "
        "others validate; pictures of a known person enrol or probe, as the data say, else the first half enrols"
    )
