"""Mel filter banks of the two families in use. Rows are bands, columns are bins of a real FFT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Slaney's mel scale: linear up to 1,000 Hz, logarithmic above.
SLANEY_HZ_PER_MEL = 200.0 / 3
SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK_MEL = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = np.log(6.4) / 27.0


def slaney_filters(sample_rate: int, fft_length: int, bands: int, low_hz: float, high_hz: float) -> Floats:
    """Triangles over Hz, each of area 1: `librosa.filters.mel` with its defaults.

    Shape (bands, fft_length // 2 + 1). Source: M. Slaney, Auditory Toolbox, 1998.
    """
    edges = _slaney_to_hz(np.linspace(_hz_to_slaney(low_hz), _hz_to_slaney(high_hz), bands + 2))
    triangles = _triangles(_bins_hz(sample_rate, fft_length), edges)
    heights: Floats = 2.0 / (edges[2:] - edges[:-2])
    return triangles * heights[:, np.newaxis]


def htk_filters(sample_rate: int, fft_length: int, bands: int, low_hz: float, high_hz: float) -> Floats:
    """Triangles over HTK mels, each of height 1, none at 0 Hz: `tf.signal.linear_to_mel_weight_matrix`.

    YAMNet's. Shape (bands, fft_length // 2 + 1). Source: S. Young et al., The HTK Book, section 5.4.
    """
    edges = np.linspace(_hz_to_htk(low_hz), _hz_to_htk(high_hz), bands + 2)
    triangles = _triangles(_hz_to_htk(_bins_hz(sample_rate, fft_length)), edges)
    triangles[:, 0] = 0.0
    return triangles


def _bins_hz(sample_rate: int, fft_length: int) -> Floats:
    return np.linspace(0.0, sample_rate / 2, fft_length // 2 + 1)


def _triangles(bins: Floats, edges: Floats) -> Floats:
    """Band i rises from edges[i] to edges[i + 1] and falls to edges[i + 2]."""
    lower, centre, upper = (edges[i : len(edges) - 2 + i, np.newaxis] for i in range(3))
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _hz_to_htk(hz: Floats | float) -> Floats:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))


def _hz_to_slaney(hz: float) -> float:
    if hz < SLANEY_BREAK_HZ:
        return hz / SLANEY_HZ_PER_MEL
    return float(SLANEY_BREAK_MEL + np.log(hz / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP)


def _slaney_to_hz(mel: Floats) -> Floats:
    logarithmic = SLANEY_BREAK_HZ * np.exp(SLANEY_LOG_STEP * (mel - SLANEY_BREAK_MEL))
    return np.where(mel < SLANEY_BREAK_MEL, mel * SLANEY_HZ_PER_MEL, logarithmic)
