from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from footprints.prints import FinderSettings, PrintFinder, finder_settings, prints_of
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs.boxes import Placement
from pipit.runtimes import TensorSpec
from pipit.types import Box

Output = Callable[..., NDArray[np.float32]]
ITSELF = Placement(320, 320, 0, 0, 320, 320)


def test_each_bright_cell_is_a_print_where_it_lies(finder_network: Any, paint: Any) -> None:
    picture = np.asarray(paint(640, 320, {(2, 3): "red", (10, 0): "green"}))
    found = PrintFinder(finder_network, FinderSettings(threshold=0.8)).find(picture)
    assert sorted(one.box.left for one in found) == [64, 320]
    (red,) = (one for one in found if one.box.left == 64)
    assert (red.box, red.score) == (Box(64, 96, 32, 32), pytest.approx(1.0))


def test_settings_choose_which_are_kept(cell_output: Output) -> None:
    raw = cell_output((50, 50, 20, 20, 0.9), (52, 50, 20, 20, 0.8), (200, 200, 20, 20, 0.5), (90, 90, 9, 9, 0.1))
    assert [p.score for p in prints_of(raw, ITSELF, FinderSettings())] == pytest.approx([0.9, 0.5])
    assert len(prints_of(raw, ITSELF, FinderSettings(overlap=0.9))) == 3
    assert len(prints_of(raw, ITSELF, FinderSettings(overlap=0.9, threshold=0.05, most=3))) == 3
    assert len(prints_of(raw, ITSELF, FinderSettings(threshold=0.6))) == 1


def test_a_box_outside_the_picture_is_no_print(cell_output: Output) -> None:
    placement = Placement(320, 160, 0, 80, 320, 160)
    raw = cell_output((50, 30, 20, 20, 0.9), (50, 85, 20, 20, 0.8))
    (found,) = prints_of(raw, placement, FinderSettings())
    assert found.box == Box(40, 0, 20, 15)


class Answers:
    """A detector that always gives the same."""

    inputs = (TensorSpec("images", (3, 320, 320), "float32"),)
    outputs = (TensorSpec("output0", (5, -1), "float32"),)
    batches = False
    digest = "0" * 64

    def __init__(self, output: NDArray[np.float32]) -> None:
        self.output = output

    def run(self, tensors: Any) -> dict[str, NDArray[np.float32]]:
        return {"output0": self.output[np.newaxis]}

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("boxes", "certain"),
    [
        ([(50, 50, 20, 20, 0.9), (200, 200, 20, 20, 0.8)], True),
        ([], True),
        # At the threshold of 0.25; in no certain order; an overlap of 20 x 16.47 / (800 - …) = 0.7.
        ([(50, 50, 20, 20, 0.9), (200, 200, 20, 20, 0.2501)], False),
        ([(50, 50, 20, 20, 0.9), (200, 200, 20, 20, 0.2499)], False),
        ([(50, 50, 20, 20, 0.9), (200, 200, 20, 20, 0.8999)], False),
        ([(50, 50, 20, 20, 0.9), (53.53, 50, 20, 20, 0.8)], False),
    ],
)
def test_what_a_last_digit_decides_is_not_certain(cell_output: Output, boxes: Any, certain: bool) -> None:
    finder = PrintFinder(Answers(cell_output(*boxes)), FinderSettings())
    assert finder.is_certain(np.zeros((320, 320, 3), np.uint8)) is certain


@pytest.mark.parametrize(
    "parameters",
    [{"size": 0}, {"size": 320.5}, {"threshold": 1.5}, {"overlap": "all"}, {"most": True}, {"threshold": float("nan")}],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(parameters))):
        finder_settings(parameters)


def test_parameters_that_are_left_out_have_defaults() -> None:
    assert finder_settings({"threshold": 0.4, "from_the_future": 1}) == FinderSettings(threshold=0.4)


def test_another_network_is_refused(finder_network: Any, species_runtime: Any) -> None:
    with pytest.raises(InvalidInput, match=r"has to take 'images' of shape \(3, 640, 640\)"):
        PrintFinder(finder_network, FinderSettings(size=640))
    with pytest.raises(InvalidInput, match="has to take 'images'"):
        PrintFinder(species_runtime, FinderSettings())
