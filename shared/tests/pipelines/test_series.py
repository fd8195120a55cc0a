from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.inputs import PcmAudio, TensorInput
from pipit.pipelines.series import SeriesWindows, StepWindows, step_windows_of
from pipit.types import TimeSpan

WINDOWS = StepWindows(("left", "right"), 4, 2, 0.5)
STEPS = np.arange(18, dtype=np.float32).reshape(9, 2)


def test_steps_become_windows_with_their_spans() -> None:
    decoded = SeriesWindows(WINDOWS).decode(TensorInput("values", STEPS.astype(np.float64)))
    rows = decoded.tensors["rows"]
    assert (rows.shape, rows.dtype) == ((3, 4, 2), np.float32)
    np.testing.assert_array_equal(rows[1], STEPS[2:6])
    assert decoded.regions == (TimeSpan(0.0, 2.0), TimeSpan(1.0, 3.0), TimeSpan(2.0, 4.0))


@given(steps=st.integers(0, 40), window=st.integers(1, 12), hop=st.integers(1, 12))
def test_every_window_lies_within_its_steps(steps: int, window: int, hop: int) -> None:
    hop = min(hop, window)
    values = np.arange(steps, dtype=np.float32)[:, np.newaxis]
    rows, spans = StepWindows(("a",), window, hop, 1.0).cut(values)
    assert len(rows) == len(spans) == max(0, (steps - window) // hop + 1)
    for row, span in zip(rows, spans, strict=True):
        np.testing.assert_array_equal(row, values[int(span.start) : int(span.end)])


def test_parameters_go_through_a_bundle() -> None:
    assert step_windows_of(WINDOWS.parameters) == WINDOWS
    for wrong in ({}, {**WINDOWS.parameters, "hop": "often"}, {**WINDOWS.parameters, "signals": 3}):
        with pytest.raises(InvalidInput, match="needs signals, window, hop, step_seconds"):
            step_windows_of(wrong)
    for changes in ({"hop": 5}, {"hop": 0}, {"signals": []}, {"step_seconds": 0.0}):
        with pytest.raises(InvalidInput, match="a hop from 1 to the window"):
            step_windows_of({**WINDOWS.parameters, **changes})


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (PcmAudio(np.zeros((4, 1), np.float32), 8000), "not sound"),
        (TensorInput("values", STEPS[:3]), "3 steps are fewer than a window of 4"),
        (TensorInput("values", STEPS[:, :1]), r"shape \(steps, 2\): left, right"),
        (TensorInput("values", np.full((9, 2), np.inf)), "must be finite"),
        (TensorInput("", STEPS), "raw values go into a tensor named 'values'"),
    ],
)
def test_anything_else_is_refused(item: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        SeriesWindows(WINDOWS).decode(item)  # type: ignore[arg-type]
