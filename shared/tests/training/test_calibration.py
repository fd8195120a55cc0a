"""Calibration by hand, log loss against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.training.calibration import calibrate, log_loss


def softmax(seed: int, samples: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    values = np.exp(generator.normal(size=(samples, labels)) * 2.0)
    scores = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    return generator.integers(0, labels, samples), scores


def test_the_error_by_hand() -> None:
    # Two bins: (0, 0.5] holds 0.4 (right); (0.5, 1] holds 0.9 (right), 0.8 (wrong), 0.7 (right).
    scores = np.array([[0.4, 0.3, 0.3], [0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]])
    found = calibrate(np.array([0, 0, 2, 2]), scores, bins=2)
    lower, upper = found.bins
    assert (lower.samples, lower.score, lower.accuracy) == (1, 0.4, 1.0)
    assert (upper.samples, upper.accuracy) == (3, 2 / 3)
    assert upper.score == pytest.approx(0.8)
    assert found.expected_error == pytest.approx(1 / 4 * 0.6 + 3 / 4 * (0.8 - 2 / 3))


def test_the_ends_of_bins_belong_below_and_empty_bins_have_no_means() -> None:
    found = calibrate(np.array([0, 0, 0]), np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]), bins=4)
    assert [b.samples for b in found.bins] == [1, 1, 0, 1]
    assert (found.bins[2].score, found.bins[2].accuracy) == (None, None)
    assert found.to_json()["bins"][2] == {"low": 0.5, "high": 0.75, "samples": 0, "score": None, "accuracy": None}


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 6))
def test_every_sample_is_in_one_bin_and_the_error_is_a_share(seed: int, samples: int, labels: int) -> None:
    truth, scores = softmax(seed, samples, labels)
    found = calibrate(truth, scores)
    assert sum(b.samples for b in found.bins) == samples
    assert 0.0 <= found.expected_error <= 1.0


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 6))
def test_log_loss_is_scikit_learns(seed: int, samples: int, labels: int) -> None:
    truth, scores = softmax(seed, samples, labels)
    normal = scores.astype(np.float64) / scores.sum(axis=1, keepdims=True, dtype=np.float64)
    theirs = sklearn.metrics.log_loss(truth, normal, labels=range(labels))
    assert log_loss(truth, scores) == pytest.approx(theirs, rel=1e-6)


def test_a_true_label_with_score_0_costs_the_epsilon_of_the_type() -> None:
    scores = np.array([[1.0, 0.0]], np.float32)
    assert log_loss(np.array([1]), scores) == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_scores_that_are_no_distribution_have_no_log_loss() -> None:
    assert log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.9, 0.9]])) is None
