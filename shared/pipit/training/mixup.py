"""Mixup: samples of a batch are mixed with each other, and so are their labels, so that a network is less sure.

Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, https://arxiv.org/abs/1710.09412.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


def mix(rows: Values, targets: Values, alpha: float, generator: np.random.Generator) -> tuple[Values, Values]:
    """Each with another of the batch; at least half of the result is the first. rows: (n, …). targets: (n, labels).

    alpha: of the beta distribution that shares are drawn from; 0 leaves all as it is.
    """
    if not alpha:
        return rows, targets
    partners = generator.permutation(len(rows))
    shares = generator.beta(alpha, alpha, len(rows)).astype(np.float32)
    shares = np.maximum(shares, 1.0 - shares)

    def mixed(values: Values) -> Values:
        share = shares.reshape(-1, *[1] * (values.ndim - 1))
        both: Values = share * values + (1.0 - share) * values[partners]
        return both

    return mixed(rows), mixed(targets)
