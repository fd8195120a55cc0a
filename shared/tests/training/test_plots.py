"""Pictures are read back as pixels: their size, their colours, and what changes when the data change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot
import numpy as np
import pytest
from pipit.training import plots
from pipit.training.calibration import calibrate
from pipit.training.intervals import proportion

LABELS = tuple(f"label_{number}" for number in range(5))
MANY = tuple(f"label_{number}" for number in range(18))
HISTORY = {
    "loss": [2.0, 1.0, 0.5],
    "val_loss": [2.1, 1.4, 1.5],
    "accuracy": [0.2, 0.6, 0.9],
    "learning_rate": [1.0] * 3,
}

Draw = Callable[[Path], None]


def answers(labels: int, samples: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = np.arange(samples) % labels
    values = generator.normal(size=(samples, labels))
    values[np.arange(samples), truth] += 1.5
    scores = np.exp(values)
    return truth, scores / scores.sum(axis=1, keepdims=True)


def drawings(labels: tuple[str, ...], seed: int = 0) -> dict[str, Draw]:
    truth, scores = answers(len(labels), seed=seed)
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, scores.argmax(axis=1)), 1)
    limits = dict.fromkeys(labels[:-1], 0.4)
    history = {name: [value + seed for value in values] for name, values in HISTORY.items()}
    return {
        "confusion": lambda path: plots.plot_confusion(path, labels, confusion.tolist()),
        "precision_recall": lambda path: plots.plot_precision_recall(path, labels, truth, scores, limits),
        "reliability": lambda path: plots.plot_reliability(path, calibrate(truth, scores)),
        "scores": lambda path: plots.plot_scores(path, truth, scores, 0.3),
        "shares": lambda path: plots.plot_shares(
            path, [(n, proportion(3, 9), proportion(seed, 9)) for n in labels], "a", "b"
        ),
        "training": lambda path: plots.plot_training(path, history, 1),
    }


def colour(name: str) -> np.ndarray:
    return np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0


def pixels(path: Path) -> np.ndarray:
    return np.asarray(matplotlib.image.imread(path))[..., :3]


def count(path: Path, name: str, near: float = 0.01) -> int:
    return int((np.abs(pixels(path) - colour(name)).max(axis=2) < near).sum())


@pytest.mark.parametrize("labels", [LABELS, MANY], ids=["5", "18"])
@pytest.mark.parametrize("name", list(drawings(LABELS)))
def test_a_picture_fits_a_page_and_is_the_same_each_time(tmp_path: Path, labels: tuple[str, ...], name: str) -> None:
    first, second, other = (tmp_path / f"{number}.png" for number in range(3))
    drawings(labels)[name](first)
    drawings(labels)[name](second)
    drawings(labels, seed=1)[name](other)
    height, width, _ = pixels(first).shape
    assert 450 < width <= 925
    assert 200 < height <= 1100
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()
    assert len(np.unique(pixels(first).reshape(-1, 3), axis=0)) > 20, "more than an empty page"


def test_nothing_is_left_with_pyplot(tmp_path: Path) -> None:
    for name, draw in drawings(LABELS).items():
        draw(tmp_path / name)
    assert matplotlib.pyplot.get_fignums() == []


def test_thresholds_are_marked_where_there_are_some(tmp_path: Path) -> None:
    truth, scores = answers(5)
    plots.plot_precision_recall(tmp_path / "with.png", LABELS, truth, scores, dict.fromkeys(LABELS, 0.4))
    plots.plot_precision_recall(tmp_path / "one.png", LABELS, truth, scores, {LABELS[0]: 0.4})
    plots.plot_precision_recall(tmp_path / "without.png", LABELS, truth, scores)
    one = count(tmp_path / "one.png", plots.ORANGE)
    assert one > 20
    assert count(tmp_path / "with.png", plots.ORANGE) == pytest.approx(5 * one, rel=0.2)
    assert count(tmp_path / "without.png", plots.ORANGE) == 0


def test_labels_without_samples_have_no_curve(tmp_path: Path) -> None:
    truth, scores = answers(3)
    wide = np.hstack([scores, np.zeros((len(truth), 2))])
    plots.plot_precision_recall(tmp_path / "three.png", LABELS[:3], truth, scores)
    plots.plot_precision_recall(tmp_path / "five.png", LABELS, truth, wide)
    assert np.array_equal(pixels(tmp_path / "three.png"), pixels(tmp_path / "five.png"))


def test_the_darkest_cells_are_those_of_the_diagonal(tmp_path: Path) -> None:
    plots.plot_confusion(tmp_path / "right.png", LABELS, (np.eye(5, dtype=int) * 8).tolist())
    plots.plot_confusion(tmp_path / "wrong.png", LABELS, (np.eye(5, dtype=int)[::-1] * 8).tolist())
    darkest = "#08306b"  # The end of "Blues".
    assert count(tmp_path / "right.png", darkest) > 1000
    right, wrong = pixels(tmp_path / "right.png"), pixels(tmp_path / "wrong.png")
    columns = [
        np.argwhere(np.abs(picture - colour(darkest)).max(axis=2)[: picture.shape[0] // 8] < 0.01)[:, 1]
        for picture in (right, wrong)
    ]
    left = [
        cells[cells < picture.shape[1] * 0.8].mean() for cells, picture in zip(columns, (right, wrong), strict=True)
    ]
    assert left[0] < left[1], "the first row's dark cell moves from the left to the right"


def test_wrong_answers_and_the_unknown_are_drawn_where_there_are_some(tmp_path: Path) -> None:
    truth, scores = answers(5)
    plots.plot_scores(tmp_path / "some.png", truth, scores)
    plots.plot_scores(tmp_path / "right.png", scores.argmax(axis=1), scores)
    assert count(tmp_path / "some.png", plots.ORANGE) > 3 * count(tmp_path / "right.png", plots.ORANGE)
    plots.plot_scores(tmp_path / "unknown.png", truth, scores, 0.5)
    dark = [count(tmp_path / name, "#000000", near=0.4) for name in ("some.png", "unknown.png")]
    assert dark[1] > dark[0] + 100


def test_a_training_without_validation_or_of_one_epoch(tmp_path: Path) -> None:
    plots.plot_training(tmp_path / "plain.png", {"loss": [2.0, 1.0, 0.5]})
    assert count(tmp_path / "plain.png", plots.BLUE) > 100
    assert count(tmp_path / "plain.png", plots.ORANGE) == 0
    plots.plot_training(tmp_path / "one.png", {"loss": [2.0], "val_loss": [2.5]}, 0)
    assert pixels(tmp_path / "one.png").shape[1] > 800


def test_two_labels_and_one_sample_are_enough(tmp_path: Path) -> None:
    truth, scores = np.array([1]), np.array([[0.2, 0.8]])
    plots.plot_confusion(tmp_path / "a.png", ("a", "b"), [[0, 0], [0, 1]])
    plots.plot_precision_recall(tmp_path / "b.png", ("a", "b"), truth, scores, {"b": 0.5})
    plots.plot_reliability(tmp_path / "c.png", calibrate(truth, scores))
    plots.plot_scores(tmp_path / "d.png", truth, scores)
    assert all(pixels(tmp_path / f"{name}.png").size for name in "abcd")
