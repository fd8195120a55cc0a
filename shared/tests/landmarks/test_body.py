from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.landmarks.body import refine

COLD = -20.0
"""A logit of no heat to speak of."""


def test_a_clear_peak_draws_its_point_to_its_middle() -> None:
    logits = np.full((64, 64, 1), COLD, np.float32)
    logits[20, [30, 31], 0] = 3.0
    logits[21, 30, 0] = 0.0
    heat = {(20, 30): 1 / (1 + math.exp(-3)), (20, 31): 1 / (1 + math.exp(-3)), (21, 30): 0.5}
    whole = sum(heat.values())
    row = sum(value * place[0] for place, value in heat.items()) / whole
    column = sum(value * place[1] for place, value in heat.items()) / whole
    refined = refine(np.array([[29.5 / 64, 18.2 / 64]], np.float32), logits)
    assert refined.tolist() == [pytest.approx([column / 64, row / 64], abs=1e-5)]


def test_points_without_a_clear_peak_and_beyond_the_map_stay() -> None:
    logits = np.full((64, 64, 4), COLD, np.float32)
    logits[10, 10, 0] = -0.1
    logits[10:, 10:, 1:] = 5.0
    # The second's peak is one cell too far away; the others lie beside the map.
    points = np.array([[10 / 64, 10 / 64], [5.9 / 64, 5.9 / 64], [1.0, 0.5], [0.5, -0.02]], np.float32)
    assert refine(points, logits).tolist() == points.tolist()


@given(st.integers(0, 2**32 - 1))
def test_equal_to_one_point_after_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform(-0.1, 1.1, (39, 2)).astype(np.float32)
    logits = random.normal(-2, 3, (24, 16, 39)).astype(np.float32)
    assert refine(points, logits) == pytest.approx(one_by_one(points, logits), abs=1e-6)


def one_by_one(points: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """MediaPipe's `RefineLandmarksFromHeatmapCalculator`, whose kernel is 9 cells wide."""
    rows, columns, _ = logits.shape
    refined = points.copy()
    for index, (x, y) in enumerate(points):
        column, row = int(x * columns), int(y * rows)
        if not (0 <= column < columns and 0 <= row < rows):
            continue
        top, left = max(0, row - 4), max(0, column - 4)
        heat = 1 / (1 + np.exp(-logits[top : row + 5, left : column + 5, index]))
        if heat.max() >= 0.5:
            across, down = np.arange(left, left + heat.shape[1]), np.arange(top, top + heat.shape[0])
            refined[index, 0] = (heat.sum(axis=0) @ across) / heat.sum() / columns
            refined[index, 1] = (heat.sum(axis=1) @ down) / heat.sum() / rows
    return refined
