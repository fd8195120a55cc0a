"""`pipit evaluate` of the detector: a network that finds every bright cell, on boxes that are its cells, or are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from footprints.detector.data import data_file, format_boxes
from pipit.bundle import Bundle
from pipit.errors import InvalidInput, NotFound
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.types import Box

CELLS = {"a": [(3, 4), (9, 2)], "b": [(5, 5)], "c": [(1, 1)], "d": []}
DRAWN = {"a": [(3, 4), (9, 2)], "b": [], "c": [(1, 1)], "d": []}
"""Of picture b the network finds a print that nobody drew a box around."""


def write_set(folder: Path, paint: Any, encode: Any, boxes: dict[str, list[tuple[int, int]]]) -> Path:
    for side in ("train", "val", "test"):
        for part in ("images", "labels"):
            (folder / part / side).mkdir(parents=True)
    (folder / "data.yaml").write_bytes(data_file())
    for name, cells in CELLS.items():
        (folder / f"images/test/{name}.png").write_bytes(encode(paint(320, 320, dict.fromkeys(cells, "red"))))
        drawn = [Box(column * 16.0, row * 16.0, 16.0, 16.0) for column, row in boxes[name]]
        (folder / f"labels/test/{name}.txt").write_text(format_boxes(drawn, 320, 320))
    return folder


def test_boxes_are_measured_as_they_are_served(
    detector_bundle: Bundle, paint: Any, encode: Any, tmp_path: Path
) -> None:
    found = evaluate_bundle(detector_bundle, [write_set(tmp_path, paint, encode, DRAWN)])
    values = {name: (metric.value, metric.samples) for name, metric in found.metrics.items()}
    assert values["recall"] == (1.0, 3)
    assert values["precision"] == (0.75, 4)
    assert values["false_pictures"] == (0.5, 2)
    assert values["baseline.recall"] == (0.0, 3)
    assert "average_precision" not in values
    assert found.answers is None
    assert found.to_json()["further"]["boxes"] == {"pictures": 4, "problems": []}


def test_pictures_without_a_print_give_the_share_of_false_ones(
    detector_bundle: Bundle, paint: Any, encode: Any, tmp_path: Path
) -> None:
    found = evaluate_bundle(detector_bundle, [write_set(tmp_path, paint, encode, {name: [] for name in CELLS})])
    assert found.metrics["false_pictures"].value == 0.75
    assert "recall" not in found.metrics
    with pytest.raises(NotFound, match="is not a folder"):
        evaluate_bundle(detector_bundle, [tmp_path / "gone"])


def test_any_folder_of_pictures_tells_how_often_a_print_is_found(
    detector_bundle: Bundle, paint: Any, encode: Any, tmp_path: Path
) -> None:
    """Of photographs of prints those that test; a folder without sides holds none. Pictures of one person are alike."""
    bright, dark = (encode(paint(320, 320, cells)) for cells in ({(3, 4): "red"}, {}))
    for name, picture in {
        "prints/train/cat/a.png": dark,
        "prints/val/cat/b.png": bright,
        "prints/val/dog/c.png": dark,
        **{f"people/anna/{number}.png": bright for number in range(10)},
        **{f"people/{name}/1.png": dark for name in ("ben", "cleo", "dan")},
        "people/dan/broken.png": b"no picture",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(picture)
    found = evaluate_bundle(detector_bundle, [tmp_path / "prints"]).metrics["real.found"]
    assert (found.value, found.samples) == (0.5, 2)
    people = evaluate_bundle(detector_bundle, [tmp_path / "people"])
    (problem,) = people.to_json()["further"]["pictures without a print"]["problems"]
    assert "broken.png" in problem
    share = people.metrics["real.false"]
    assert (share.value, share.samples) == (pytest.approx(10 / 13), 13)
    assert share.low is not None
    assert share.low < 0.4  # As of four people, not of thirteen pictures.
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no pictures"):
        evaluate_bundle(detector_bundle, [tmp_path / "empty"])
