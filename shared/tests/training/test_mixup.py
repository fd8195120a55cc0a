from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pipit.training.mixup import mix


def test_a_mix_takes_the_same_share_of_features_and_of_labels_and_more_of_the_first() -> None:
    targets = np.eye(7, dtype=np.float32)
    rows = targets * 10.0
    mixed, shares = mix(rows, targets, 0.4, np.random.default_rng(1))
    np.testing.assert_allclose(mixed, shares * 10.0, rtol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    assert (shares.argmax(axis=1) == np.arange(7)).all()
    assert (shares.max(axis=1) < 1.0).sum() >= 5


@given(seed=st.integers(0, 999))
def test_mixup_keeps_targets_a_distribution_and_the_clip_itself_the_larger_part(seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets = np.eye(5, dtype=np.float32)[generator.integers(0, 5, 8)]
    rows, mixed = mix(targets.copy(), targets, 0.4, generator)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(rows, mixed, rtol=1e-6)
    assert (mixed[targets == 1] >= 0.5).all()


def test_without_mixup_a_batch_stays_as_it_is() -> None:
    rows = np.ones((2, 3), np.float32)
    assert mix(rows, rows, 0.0, np.random.default_rng(1))[0] is rows
