from __future__ import annotations

import numpy as np
import pytest
from pipit.errors import IntegrityError
from pipit.training.parity import compare, require_parity

TRAINED = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], np.float32)
TRUTH = np.array([0, 0, 1, 0])


def test_the_same_scores_have_nothing_to_lose() -> None:
    parity = compare(TRAINED, TRAINED, TRUTH)
    assert (parity.largest_difference, parity.mean_difference, parity.agreement) == (0.0, 0.0, 1.0)
    assert parity.accuracy == parity.trained_accuracy == 0.75
    assert parity.loss == 0.0


def test_a_changed_answer_is_counted() -> None:
    exported = TRAINED.copy()
    exported[1] = [0.45, 0.55]
    parity = compare(TRAINED, exported, TRUTH)
    assert parity.largest_difference == pytest.approx(0.15, abs=1e-6)
    assert parity.mean_difference == pytest.approx(0.3 / 8, abs=1e-6)
    assert parity.agreement == 0.75
    assert parity.accuracy == 0.5
    assert parity.loss == pytest.approx(25.0)
    assert parity.to_json()["loss_points"] == pytest.approx(25.0)


def test_a_variant_may_gain() -> None:
    exported = TRAINED.copy()
    exported[3] = [0.7, 0.3]
    assert compare(TRAINED, exported, TRUTH).loss == pytest.approx(-25.0)


def test_what_is_another_network_is_refused() -> None:
    near = compare(TRAINED, TRAINED + np.float32(0.005), TRUTH)
    require_parity({"float32": near, "int8": near})
    with pytest.raises(IntegrityError, match="variant float32"):
        require_parity({"float32": near, "int8": near}, largest_difference=0.001)
    shifted = TRAINED.copy()
    shifted[:, 0] -= 0.02
    off = compare(TRAINED, shifted, TRUTH)
    assert off.agreement == 1.0
    with pytest.raises(IntegrityError, match="variant float32 is not the trained network"):
        require_parity({"float32": off})
    require_parity({"int8": off})
    with pytest.raises(IntegrityError, match="variant int8"):
        require_parity({"int8": compare(TRAINED, TRAINED[:, ::-1], TRUTH)})
    half = TRAINED.copy()
    half[:2] = half[:2, ::-1]
    agreement = compare(TRAINED, half, TRUTH)
    assert agreement.agreement == 0.5
    require_parity({"int8": agreement}, least_agreement=0.5)
    with pytest.raises(IntegrityError, match="variant int8"):
        require_parity({"int8": agreement}, least_agreement=0.51)
