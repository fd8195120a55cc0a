from __future__ import annotations

import numpy as np
import pytest
from ad_detection.measure import detected

GROUPS = np.array(["one", "one", "two", "two"], object)


def test_what_is_called_and_what_is_found_are_counted() -> None:
    found = detected(np.array([True, True, False, False]), np.array([True, False, True, False]), GROUPS, 1)
    assert {name: metric.value for name, metric in found.items()} == {"precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_where_nothing_is_called_precision_is_nothing_and_has_no_interval() -> None:
    found = detected(np.zeros(4, bool), np.array([True, False, True, False]), GROUPS, 1)
    assert (found["precision"].value, found["precision"].low) == (0.0, None)
    assert (found["recall"].value, found["recall"].low) == (0.0, 0.0)
    assert found["f1"].value == pytest.approx(0.0)
