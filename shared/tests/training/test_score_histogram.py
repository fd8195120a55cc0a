from __future__ import annotations

import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.training.score_histogram import score_histogram


def test_shares_add_up_over_best_scores() -> None:
    scores = np.array([[0.1, 0.9], [0.6, 0.4], [0.55, 0.45], [1.0, 0.0]], np.float32)
    found = score_histogram(scores)
    assert found.upper == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    # 0.6 and 0.9 as float32 lie a little above and a little below: just as the device's counters take them.
    assert found.share == (0, 0, 0, 0, 0, 0.25, 0.5, 0.5, 0.75, 1.0)
    assert found.samples == 4


@pytest.mark.parametrize(
    "scores", [np.empty((0, 3)), np.array([0.5]), np.array([[1.5, 0.0]]), np.array([[np.nan, 0.5]])]
)
def test_what_is_no_score_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="rows of numbers from 0 to 1"):
        score_histogram(scores)
