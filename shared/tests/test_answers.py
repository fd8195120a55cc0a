from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pipit.answers import predict, softmax
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.types import Box


@given(arrays(np.float32, (3, 4), elements=st.floats(-500, 500, width=32)))
def test_softmax_gives_a_distribution_in_the_order_of_the_logits(logits: np.ndarray) -> None:
    scores = softmax(logits)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)
    assert (scores >= 0).all()
    np.testing.assert_array_equal(
        scores.max(axis=1), np.take_along_axis(scores, logits.argmax(axis=1)[:, None], axis=1)[:, 0]
    )


def test_labels_come_best_first_with_their_own_thresholds() -> None:
    decision = Decision(thresholds={"a": 0.3, "b": 0.6})
    answer = predict(np.array([0.35, 0.55, 0.1], np.float32), ("a", "b", "c"), decision, Box(1, 2, 3, 4))
    assert [(score.label, score.detected) for score in answer.scores] == [("b", False), ("a", True), ("c", False)]
    assert [score.score for score in answer.scores] == pytest.approx([0.55, 0.35, 0.1])
    assert answer.region == Box(1, 2, 3, 4)
    assert (answer.unknown, answer.uncertain) == (False, False)


def test_a_label_without_a_threshold_is_detected_from_a_half() -> None:
    answer = predict(np.array([0.5, 0.49], np.float32), ("a", "b"), Decision())
    assert [score.detected for score in answer.scores] == [True, False]


def test_low_scores_are_unknown_and_close_ones_uncertain() -> None:
    decision = Decision(unknown_below=0.6, uncertain_margin=0.2)
    answer = predict(np.array([0.55, 0.45], np.float32), ("a", "b"), decision)
    assert (answer.unknown, answer.uncertain) == (True, True)
    sure = predict(np.array([0.95, 0.05], np.float32), ("a", "b"), decision)
    assert (sure.unknown, sure.uncertain) == (False, False)


def test_a_single_label_has_no_rival() -> None:
    assert not predict(np.array([0.4], np.float32), ("a",), Decision(uncertain_margin=0.3)).uncertain


def test_what_is_no_number_is_no_answer() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(InvalidInput, match="no finite scores"):
            predict(np.array([bad, 0.5], np.float32), ("a", "b"), Decision())
