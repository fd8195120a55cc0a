from __future__ import annotations

import numpy as np
import pytest
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.inputs import TensorInput
from pipit.pipelines.rows import outputs_of, predictions, take_rows
from pipit.types import Decoded, TimeSpan

ROW = np.arange(6, dtype=np.float32).reshape(2, 3)
DECODED = Decoded({}, (TimeSpan(0.0, 1.0), None))


@pytest.mark.parametrize(("values", "rows"), [(ROW, 1), (np.stack([ROW, ROW]), 2)])
def test_one_row_or_rows_are_taken_as_they_are(values: np.ndarray, rows: int) -> None:
    for name in ("", "pixels"):
        decoded = take_rows(TensorInput(name, values), "pixels", (2, 3))
        assert decoded.regions == (None,) * rows
        np.testing.assert_array_equal(decoded.tensors["pixels"], values.reshape(rows, 2, 3))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (TensorInput("other", ROW), "'pixels', not a tensor named 'other'; send a picture"),
        (TensorInput("", ROW.astype(np.float64)), r"float32 of shape \(2, 3\).*not float64"),
        (TensorInput("", ROW[:, :2]), r"not float32 \(2, 2\)"),
        (TensorInput("", np.empty((0, 2, 3), np.float32)), r"not float32 \(0, 2, 3\)"),
        (TensorInput("", np.full((2, 3), np.nan, np.float32)), "holds NaN"),
    ],
)
def test_what_is_no_row_is_refused_with_what_else_could_be_sent(item: TensorInput, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        take_rows(item, "pixels", (2, 3), "send a picture")


def test_a_network_gives_a_row_for_each_region() -> None:
    values = np.array([[1.0, 3.0], [2.0, 0.0]], np.float32)
    np.testing.assert_array_equal(outputs_of({"logits": values}, "logits", DECODED, 2), values)
    for wrong in (values[:1], values[:, :1], values.ravel()):
        with pytest.raises(InvalidInput, match="the bundle is wrong"):
            outputs_of({"logits": wrong}, "logits", DECODED, 2)


def test_each_row_is_answered_in_its_region_best_first() -> None:
    scores = np.array([[0.2, 0.8], [0.55, 0.45]], np.float32)
    found = predictions(scores, ("cat", "dog"), Decision(thresholds={"dog": 0.7}, uncertain_margin=0.2), DECODED)
    assert [[(each.label, each.detected) for each in one.scores] for one in found] == [
        [("dog", True), ("cat", False)],
        [("cat", True), ("dog", False)],
    ]
    assert [one.region for one in found] == [TimeSpan(0.0, 1.0), None]
    assert [one.uncertain for one in found] == [False, True]
