from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.training.fitting import (
    balanced_weights,
    best_epoch,
    epochs_without_gain,
    fitted,
    history_from_json,
    history_to_json,
    learning_rate_at,
    plateau_patience,
    sample_weights,
)
from pipit.training.recipe import Optimiser


def test_the_cosine_falls_from_the_first_rate_to_a_hundredth() -> None:
    settings = Optimiser(learning_rate=0.1, schedule="cosine", warmup_epochs=2)
    rates = [learning_rate_at(settings, epoch, 12) for epoch in range(13)]
    assert rates[:2] == pytest.approx([0.1 / 3, 0.2 / 3])
    assert rates[2] == pytest.approx(0.1)
    assert rates[7] == pytest.approx(0.1 * (0.01 + 0.99 * (1 + math.cos(math.pi / 2)) / 2))
    assert rates[12] == pytest.approx(0.001)
    assert all(a > b for a, b in pairwise(rates[2:]))


def test_a_constant_rate_stays() -> None:
    settings = Optimiser(learning_rate=0.1, schedule="constant")
    assert {learning_rate_at(settings, epoch, 5) for epoch in range(5)} == {0.1}


def test_rare_labels_weigh_as_much_as_frequent_ones() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    weights = balanced_weights(labels, 3)
    assert weights == {0: pytest.approx(40 / 60), 1: pytest.approx(2.0), 2: 0.0}
    assert 30 * weights[0] == pytest.approx(10 * weights[1])
    of_samples = sample_weights(labels, 3)
    assert of_samples.dtype == np.float32
    assert of_samples[[0, 29, 30, 39]].tolist() == pytest.approx([40 / 60, 40 / 60, 2.0, 2.0])


def test_the_rate_falls_before_the_training_stops() -> None:
    assert [plateau_patience(epochs) for epochs in (1, 2, 10, 11)] == [1, 1, 5, 5]


@pytest.mark.parametrize(
    ("losses", "best", "without_gain"),
    [
        ([3.0, 1.0, 2.0], 1, 1),
        ([math.nan, 2.0, math.nan, 1.0], 3, 0),
        ([1.0, math.nan, math.inf], 0, 2),
        ([1.0, 1.0], 0, 1),
        ([math.nan, math.inf], None, 2),
        ([], None, 0),
    ],
)
def test_the_best_epoch_has_the_lowest_loss_that_is_a_number(
    losses: list[float], best: int | None, without_gain: int
) -> None:
    assert best_epoch(losses) == best
    assert epochs_without_gain(losses) == without_gain


def test_a_training_without_a_number_is_an_error_that_says_what_to_try() -> None:
    assert fitted({"val_loss": [math.nan, 2.0]}).best_epoch == 1
    for history in ({"val_loss": [math.nan] * 4}, {"val_loss": []}, {}):
        with pytest.raises(InvalidInput, match=r"lower optimiser\.learning_rate"):
            fitted(history)


def test_a_history_goes_through_json() -> None:
    kept = history_to_json({"loss": [1.0, math.nan, math.inf]})
    assert json.loads(json.dumps(kept, allow_nan=False)) == {"loss": [1.0, None, None]}
    assert history_from_json(kept)["loss"] == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)
