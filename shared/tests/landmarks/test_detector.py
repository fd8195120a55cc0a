from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.landmarks.detector import anchor_centers, merge_overlapping


def test_anchors_of_the_networks() -> None:
    face = anchor_centers(128, (8, 16, 16, 16))
    assert face.shape == (896, 2)
    assert face[0].tolist() == face[1].tolist() == [1 / 32, 1 / 32]
    assert face[2].tolist() == [3 / 32, 1 / 32]
    assert face[512].tolist() == face[517].tolist() == [1 / 16, 1 / 16]
    assert face[518].tolist() == [3 / 16, 1 / 16]
    assert anchor_centers(224, (8, 16, 32, 32, 32)).shape == (2254, 2)
    far = anchor_centers(192, (4,), 1)
    assert far.shape == (2304, 2)
    assert far[49].tolist() == [pytest.approx(1.5 / 48)] * 2


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_boxes_that_overlap_become_their_mean_weighted_by_score() -> None:
    rows = boxes((0, 0, 10, 10, 1), (1, 0, 11, 10, 4), (50, 0, 60, 10, 9))
    merged = merge_overlapping(rows, np.array([0.9, 0.6, 0.8], np.float32))
    assert [score for _, score in merged] == pytest.approx([0.9, 0.8])
    assert merged[0][0].tolist() == pytest.approx([0.4, 0, 10.4, 10, 2.2], abs=1e-5)
    assert merged[1][0].tolist() == [50, 0, 60, 10, 9]


def test_little_overlap_keeps_both() -> None:
    """Intersection over union of these is a quarter."""
    rows = boxes((0, 0, 10, 10), (6, 0, 16, 10))
    assert len(merge_overlapping(rows, np.array([0.9, 0.8], np.float32))) == 2


def test_boxes_turned_inside_out_and_none_at_all() -> None:
    assert merge_overlapping(boxes((5, 0, 2, 10)), np.array([0.9], np.float32)) == []
    assert merge_overlapping(np.zeros((0, 16), np.float32), np.zeros(0, np.float32)) == []


BOX = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 1))


@given(st.lists(BOX, min_size=1, max_size=20))
def test_every_answer_lies_between_its_boxes_and_the_best_come_first(found: list[tuple[float, ...]]) -> None:
    rows = boxes(*((x, y, x + width, y + height) for x, y, width, height, _ in found))
    scores = np.array([score for *_, score in found], np.float32)
    merged = merge_overlapping(rows, scores)
    ranks = [score for _, score in merged]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] == scores.max()
    for row, _ in merged:
        assert (row >= rows.min(axis=0) - 1e-5).all()
        assert (row <= rows.max(axis=0) + 1e-5).all()
