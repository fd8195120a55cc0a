from __future__ import annotations

import librosa
import numpy as np
import pytest
from pipit.inputs.audio.mel_filters import htk_filters, slaney_filters


@pytest.mark.parametrize(
    ("rate", "fft", "bands", "low", "high"),
    [(22_050, 2_048, 128, 0.0, 11_025.0), (16_000, 512, 40, 50.0, 8_000.0), (16_000, 1_024, 20, 1_200.0, 7_000.0)],
)
def test_slaney_filters_are_librosas(rate, fft, bands, low, high):
    expected = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=bands, fmin=low, fmax=high, dtype=np.float64)
    np.testing.assert_allclose(slaney_filters(rate, fft, bands, low, high), expected, rtol=1e-9, atol=1e-15)


def test_htk_filters_are_tensorflows():
    import tensorflow as tf

    expected = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7_500.0, tf.float64).numpy().T
    np.testing.assert_allclose(htk_filters(16_000, 512, 64, 125.0, 7_500.0), expected, atol=1e-12)
