"""Sample-rate conversion by soxr."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

QUALITY = "HQ"
"""What `librosa.resample` calls soxr_hq, its default."""


def resample(samples: NDArray[np.float32], rate_in: int, rate_out: int) -> NDArray[np.float32]:
    """Mono float32, shape (frames,), to ceil(frames * rate_out / rate_in) samples, as `librosa.resample` gives them.

    Rates in Hz. Equal rates give the same array back.
    """
    if rate_in == rate_out:
        return samples
    resampled: NDArray[np.float32] = soxr.resample(samples, rate_in, rate_out, QUALITY)
    length = -(-len(samples) * rate_out // rate_in)
    # soxr rounds the length; librosa rounds it up and fills with zeros, so that no clip becomes empty.
    if len(resampled) < length:
        return np.pad(resampled, (0, length - len(resampled)))
    return resampled[:length]
