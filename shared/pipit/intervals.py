"""Wilson's interval of a share, for whoever has no trainer's libraries; more are in `pipit.training.intervals`."""

from __future__ import annotations

import math
from statistics import NormalDist

from pipit.errors import InvalidInput

_Z = NormalDist().inv_cdf(0.975)


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share. Inside 0..1 and never empty, unlike the textbook's; no trials give (0, 1).

    Source: E. B. Wilson, Probable Inference, JASA 22 (1927). Raises InvalidInput unless 0 <= successes <= trials.
    """
    if not 0.0 <= successes <= trials:
        raise InvalidInput(f"{successes} successes of {trials} trials are not possible")
    if not trials:
        return 0.0, 1.0
    share, weight = successes / trials, _Z * _Z / trials
    middle = share + weight / 2.0
    spread = _Z * math.sqrt(share * (1.0 - share) / trials + weight / (4.0 * trials))
    # At the ends the formula gives 0 and 1 exactly; rounding does not.
    low = 0.0 if not successes else max(0.0, (middle - spread) / (1.0 + weight))
    high = 1.0 if successes == trials else min(1.0, (middle + spread) / (1.0 + weight))
    return min(low, share), max(high, share)
