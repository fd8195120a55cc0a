from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from footprints.detector.data import LabelledPicture
from footprints.detector.matching import best_threshold, match, measure
from footprints.detector.report import evaluate_boxes, mean_side
from footprints.prints import Print
from pipit.errors import InvalidInput
from pipit.types import Box

HERE, THERE, NOWHERE = Box(0, 0, 10, 10), Box(50, 50, 10, 10), Box(80, 0, 5, 5)


def test_overlap_is_intersection_over_union() -> None:
    assert HERE.overlap(HERE) == 1.0
    assert HERE.overlap(THERE) == 0.0
    assert HERE.overlap(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert Box(0, 0, 0, 0).overlap(Box(0, 0, 0, 0)) == 0.0


def test_a_box_of_the_truth_is_found_once() -> None:
    found = [[Print(HERE, 0.9), Print(Box(1, 0, 10, 10), 0.8), Print(THERE, 0.7)], [Print(NOWHERE, 0.6)]]
    matches = match(found, [[HERE, THERE], []], ["a", "b"])
    assert matches.right.tolist() == [True, False, True, False]
    assert matches.picture.tolist() == [0, 0, 0, 1]
    detection = measure(matches, 0.65, seed=1)
    assert detection.precision.value == pytest.approx(2 / 3)
    assert detection.recall.value == 1.0
    # Precision is 1 at the first, 2/3 at the second right box.
    assert detection.average_precision.value == pytest.approx((1 + 2 / 3) / 2)
    assert detection.false_pictures is not None
    assert detection.false_pictures.value == 0.0
    lower = measure(matches, 0.5, seed=1).false_pictures
    assert lower is not None
    assert lower.value == 1.0


def test_the_threshold_is_where_f1_is_highest() -> None:
    found = [[Print(HERE, 0.9)], [Print(HERE, 0.8)], [Print(NOWHERE, 0.4)], [Print(NOWHERE, 0.3)]]
    assert best_threshold(match(found, [[HERE]] * 3 + [[]], list("abcd"))) == pytest.approx(0.6)
    with pytest.raises(InvalidInput, match="train longer"):
        best_threshold(match([[Print(NOWHERE, 0.9)]], [[HERE]], ["a"]))
    with pytest.raises(InvalidInput, match="has a print"):
        measure(match([[]], [[]], ["a"]), 0.5, seed=1)


def test_intervals_draw_sources_not_pictures() -> None:
    generator = np.random.default_rng(1)
    hits = generator.random(40) < 0.6
    found = [[Print(HERE if hit else NOWHERE, 0.9)] for hit in hits for _ in range(5)]
    truths = [[HERE]] * 200
    alone = measure(match(found, truths, [str(n) for n in range(200)]), 0.5, 1).recall
    together = measure(match(found, truths, [str(n // 5) for n in range(200)]), 0.5, 1).recall
    assert alone.low is not None
    assert alone.high is not None
    assert together.low is not None
    assert together.high is not None
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_the_baseline_is_a_box_in_the_middle() -> None:
    middle = LabelledPicture(Path("a"), "test", "a", (100, 100), (Box(40, 40, 20, 20),))
    corner = LabelledPicture(Path("b"), "test", "b", (100, 100), (Box(0, 0, 20, 20),))
    assert mean_side([middle, corner]) == (0.2, 0.2)
    evaluation = evaluate_boxes([middle, corner], [[], [Print(Box(0, 0, 20, 20), 0.9)]], 0.5, (0.2, 0.2), 1)
    metrics = evaluation.metrics()
    assert metrics["baseline.recall"].value == 0.5
    assert metrics["baseline.precision"].value == 0.5
    assert metrics["recall"].value == 0.5
    assert metrics["precision"].value == 1.0
    assert "false_pictures" not in metrics
