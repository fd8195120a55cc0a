from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.boxes import FILL, Detections, decode_yolo, letterbox, non_maximum_suppression
from pipit.inputs.image import decode_image
from pipit.runtimes import load_runtime
from pipit.settings import Settings, load_settings

Job = Callable[..., dict[str, NDArray[np.generic]]]


def detections(*boxes: tuple[float, float, float, float, float, int]) -> Detections:
    values = np.array(boxes, np.float64).reshape(-1, 6)
    return Detections(values[:, :4].astype(np.float32), values[:, 4].astype(np.float32), values[:, 5].astype(np.int64))


def test_a_wide_picture_lies_in_the_middle_between_grey() -> None:
    picture = np.zeros((2, 4, 3), np.uint8)
    picture[..., 0] = 255
    values, placement = letterbox(picture, 8)
    assert values.shape == (3, 8, 8)
    assert values.dtype == np.float32
    assert (placement.left, placement.top, placement.scaled_width, placement.scaled_height) == (0, 2, 8, 4)
    assert (values[0, 2:6] == 1.0).all()
    assert (values[1:, 2:6] == 0.0).all()
    assert values[:, :2] == pytest.approx(FILL / 255)
    assert values[:, 6:] == pytest.approx(FILL / 255)


def test_between_two_pixels_lies_their_mean_by_distance() -> None:
    picture = np.array([[0, 100]], np.uint8)[..., np.newaxis].repeat(3, axis=2)
    values, _ = letterbox(picture, 4)
    assert np.rint(values[0, 2] * 255).tolist() == [0, 25, 75, 100]


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    values, placement = letterbox(picture, 16)
    assert (np.rint(values * 255).transpose(1, 2, 0) == picture).all()
    assert placement.undo(np.array([[1, 2, 3, 4]], np.float32)).tolist() == [[1, 2, 3, 4]]


@given(st.integers(1, 150), st.integers(1, 150), st.integers(1, 130), st.integers(0, 9))
def test_each_value_is_what_opencv_counts(width: int, height: int, size: int, seed: int) -> None:
    """In whole numbers, so that nothing may differ: enlarged and made smaller, in one block of rows and in several."""
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    values, placed = letterbox(picture, size)
    square = np.full((size, size, 3), FILL, np.uint8)
    right, bottom = placed.left + placed.scaled_width, placed.top + placed.scaled_height
    square[placed.top : bottom, placed.left : right] = in_whole_numbers(
        picture, placed.scaled_width, placed.scaled_height
    )
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    np.testing.assert_array_equal(values, square.transpose(2, 0, 1) / np.float32(255))


def in_whole_numbers(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Pixel by pixel, as cv2.resize does with INTER_LINEAR."""
    if picture.shape[:2] == (height, width):
        return picture
    left, right, from_right = along(picture.shape[1], width)
    upper, lower, from_lower = along(picture.shape[0], height)
    pixels = picture.astype(np.int64)
    beside, below = from_right[:, np.newaxis], from_lower[:, np.newaxis, np.newaxis]
    first, second = (
        (pixels[rows][:, left] * (2048 - beside) + pixels[rows][:, right] * beside) >> 4 for rows in (upper, lower)
    )
    made: NDArray[np.uint8] = ((((first * (2048 - below)) >> 16) + ((second * below) >> 16) + 2) >> 2).astype(np.uint8)
    return made


def along(length: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    places = ((np.arange(wanted) + 0.5) * (length / wanted) - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.int64)
    weights = np.rint((places - first) * np.float32(2048)).astype(np.int64)
    return first.clip(0, length - 1), (first + 1).clip(0, length - 1), weights


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64))
def test_the_whole_picture_comes_back_from_its_letterbox(width: int, height: int, size: int) -> None:
    values, placed = letterbox(np.full((height, width, 3), 200, np.uint8), size)
    assert values.shape == (3, size, size)
    assert np.rint(values * 255).min() >= FILL
    right, bottom = placed.left + placed.scaled_width, placed.top + placed.scaled_height
    assert 0 <= placed.left < right <= size
    assert 0 <= placed.top < bottom <= size
    corners = np.array([[placed.left, placed.top, right, bottom], [-9.0, -9.0, size + 9.0, size + 9.0]])
    assert placed.undo(corners) == pytest.approx(np.array([[0, 0, width, height]] * 2), abs=1e-3)


def test_candidates_are_those_over_the_threshold_best_first() -> None:
    output = np.array(
        [
            # centre across, down, width, height, two classes
            [10, 20, 4, 6, 0.1, 0.6],
            [11, 21, 4, 6, 0.9, 0.2],
            [50, 50, 4, 6, 0.25, 0.2],
            [50, 50, 4, np.nan, 0.9, 0.2],
            [50, 50, 4, 6, np.nan, 0.9],
        ],
        np.float32,
    ).T
    found = decode_yolo(output, 0.25)
    assert found.corners.tolist() == [[9, 18, 13, 24], [8, 17, 12, 23]]
    assert found.scores == pytest.approx([0.9, 0.6])
    assert found.classes.tolist() == [0, 1]


def test_no_anchor_gives_no_candidate() -> None:
    found = non_maximum_suppression(decode_yolo(np.zeros((5, 0), np.float32), 0.25), 0.7)
    assert found.corners.shape == (0, 4)
    assert found.scores.shape == (0,)


@pytest.mark.parametrize("shape", [(4, 10), (10,), (1, 5, 10)])
def test_an_output_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"no \(4 \+ classes, anchors\)"):
        decode_yolo(np.zeros(shape, np.float32), 0.25)


def test_a_box_that_a_better_one_covers_goes() -> None:
    # The second shares 9 x 10 of 10 x 10 + 10 x 10 - 90 = 110 with the first: 0.818. The third: 50 of 150.
    found = detections((0, 0, 10, 10, 0.9, 0), (1, 0, 11, 10, 0.8, 0), (5, 0, 15, 10, 0.7, 0), (0, 0, 10, 10, 0.6, 1))
    assert non_maximum_suppression(found, 0.7).scores == pytest.approx([0.9, 0.7, 0.6])
    assert non_maximum_suppression(found, 0.9).scores == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert non_maximum_suppression(found, 0.2).scores == pytest.approx([0.9, 0.6])
    assert non_maximum_suppression(found, 0.9, most=2).scores == pytest.approx([0.9, 0.8])


def test_a_box_that_was_left_out_covers_no_other() -> None:
    chain = detections((0, 0, 10, 10, 0.9, 0), (4, 0, 14, 10, 0.8, 0), (8, 0, 18, 10, 0.7, 0))
    assert non_maximum_suppression(chain, 0.4).scores == pytest.approx([0.9, 0.7])


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 4, st.integers(0, 1)), max_size=20), st.floats(0, 1))
def test_what_is_kept_does_not_overlap_and_what_goes_is_covered(boxes: list[tuple[int, ...]], overlap: float) -> None:
    found = detections(*((x, y, x + w, y + h, 1 - place / 100, kind) for place, (x, y, w, h, kind) in enumerate(boxes)))
    kept = non_maximum_suppression(found, overlap)
    scores = set(kept.scores.tolist())
    for index, score in enumerate(found.scores.tolist()):
        better = [
            _overlap(found.corners[index], corners)
            for corners, other, kind in zip(kept.corners, kept.scores.tolist(), kept.classes, strict=True)
            if other > score and kind == found.classes[index]
        ]
        assert (score in scores) == all(value <= overlap for value in better)


def _overlap(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    both = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])) - shared
    return shared / both if both else 0.0


class UltralyticsSettings(Settings):
    ultralytics_python: Path = Path(sys.prefix).parent / "detector-footprints" / "bin" / "python"
    """The interpreter of the environment that holds ultralytics; `make setup-detector` makes it."""


@pytest.fixture
def ultralytics(tmp_path: Path) -> Job:
    """Runs `ultralytics_job.py` over arrays."""
    python = load_settings(UltralyticsSettings).ultralytics_python
    if not python.is_file():
        pytest.skip(f"compares with ultralytics, which has an environment of its own, and there is no {python}")

    def run(step: str, **arrays: object) -> dict[str, NDArray[np.generic]]:
        source, target = tmp_path / f"{step}-in.npz", tmp_path / f"{step}-out.npz"
        np.savez(source, **{name: np.asarray(value) for name, value in arrays.items()})
        quiet = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(tmp_path)}
        job = Path(__file__).parent / "ultralytics_job.py"
        subprocess.run(
            [python, job, step, source, target], check=True, timeout=300, env={**os.environ, **quiet}, cwd=tmp_path
        )
        with np.load(target) as made:
            return {name: made[name] for name in made.files}

    return run


@pytest.mark.data
@pytest.mark.slow
def test_the_whole_way_gives_what_ultralytics_gives_on_real_pictures(ultralytics: Job, data_folder: Path) -> None:
    network = data_folder / "backbones" / "yolov8n_int8.tflite"
    paths = [
        *sorted((data_folder / "footprints" / "train").glob("*/*.jpg"))[50::250],
        *sorted((data_folder / "expressions" / "wild200" / "test").glob("*/*.jpg"))[::60],
        *sorted((data_folder / "faces" / "lfw_known").glob("*/*.jpg"))[::200],
    ]
    if not network.is_file() or len(paths) < 8:
        pytest.skip("needs the data sets footprints, expressions and faces, and backbones/yolov8n_int8.tflite")
    size, threshold, overlap = 640, 0.05, 0.7
    pictures = {str(number): decode_image(EncodedImage(path.read_bytes())) for number, path in enumerate(paths)}
    theirs = ultralytics("letterbox", size=size, **pictures)
    runtime = load_runtime(network, "litert", threads=2)

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        (output,) = runtime.run({runtime.inputs[0].name: values.transpose(1, 2, 0)[np.newaxis]}).values()
        # This export counts boxes in letterboxes, not in pixels.
        return np.concatenate([output[0, :4] * size, output[0, 4:]]).astype(np.float32)

    own, raw = {}, {}
    for name, picture in pictures.items():
        values, placement = letterbox(picture, size)
        assert (values == theirs[name].transpose(2, 0, 1) / np.float32(255)).all()
        raw[name] = run(values)
        found = non_maximum_suppression(decode_yolo(raw[name], threshold), overlap)
        own[name] = np.column_stack([placement.undo(found.corners), found.scores, found.classes])
    runtime.close()
    shapes = {f"shape/{name}": picture.shape[:2] for name, picture in pictures.items()}
    made = ultralytics("suppress", size=size, threshold=threshold, overlap=overlap, **raw, **shapes)
    for name, rows in own.items():
        assert rows.shape == made[name].shape
        assert rows == pytest.approx(made[name], abs=1e-3)
    assert sum(len(rows) for rows in own.values()) >= 20
    assert max(len(rows) for rows in own.values()) >= 3
