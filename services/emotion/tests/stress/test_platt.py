from __future__ import annotations

import numpy as np
import pytest
from emotion.stress.pipeline import LEAST_SCALE, Calibration
from emotion.stress.scores import fit_calibration
from pipit.errors import InvalidInput


def _sample(scale: float, offset: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, count)
    chance = 1 / (1 + np.exp(-(scale * logits + offset)))
    return logits.astype(np.float32), (generator.random(count) < chance).astype(np.int64)


def test_an_overconfident_network_is_taken_back_to_what_its_scores_mean() -> None:
    logits, truth = _sample(scale=0.4, offset=-0.7)
    found = fit_calibration(logits, truth)
    assert (found.scale, found.offset) == (pytest.approx(0.4, abs=0.03), pytest.approx(-0.7, abs=0.05))
    scores = found(logits)[:, 1]
    for low in np.arange(0.1, 0.7, 0.1):
        inside = (scores >= low) & (scores < low + 0.1)
        assert truth[inside].mean() == pytest.approx(scores[inside].mean(), abs=0.04)


def test_a_network_that_ranks_wrongly_says_nothing_but_how_usual_stress_is() -> None:
    logits, truth = _sample(scale=-1.0, offset=0.8)
    found = fit_calibration(logits, truth)
    assert found.scale == LEAST_SCALE
    np.testing.assert_allclose(found(logits)[:, 1], truth.mean(), atol=0.01)


def test_people_of_one_label_calibrate_nothing() -> None:
    assert fit_calibration(np.array([1.0, 2.0]), np.array([1, 1])) == Calibration()


def test_perfect_logits_keep_a_finite_scale() -> None:
    found = fit_calibration(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([0, 0, 1, 1]))
    assert 0.1 < found.scale < 100.0


def test_scores_are_a_pair_however_large_the_logits() -> None:
    scores = Calibration(1.0, 0.0)(np.array([-1e3, -1.0, 0.0, 1.0, 1e3], np.float32) / 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-6)
    assert scores[2].tolist() == [0.5, 0.5]
    assert (np.diff(scores[:, 1]) > 0).all()


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, float("inf"))])
def test_an_impossible_calibration_is_refused(scale: float, offset: float) -> None:
    with pytest.raises(InvalidInput):
        Calibration(scale, offset)
