"""The device's own support vector machine gives what scikit-learn's gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.data.sources import BACKBONES_FOLDER
from pipit.errors import InvalidInput
from pipit.faces.svm import SvmSettings, fit_svm
from pipit.runtimes import load_runtime

Vectors = NDArray[np.float32]


def unit(values: NDArray[np.floating]) -> Vectors:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


def some_people(
    people: int, each: int, strangers: int, dimensions: int, seed: int
) -> tuple[Vectors, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    centres = np.repeat(generator.normal(size=(people, dimensions)), each, axis=0)
    own = centres + generator.normal(0.0, 0.9, centres.shape)
    rows = unit(np.concatenate([own, generator.normal(size=(strangers, dimensions))]))
    return rows, np.concatenate([np.repeat(np.arange(people), each), np.full(strangers, -1)])


def of_scikit_learn(rows: Vectors, inside: NDArray[np.bool_], settings: SvmSettings, asked: Vectors) -> Vectors:
    svm = pytest.importorskip("sklearn.svm", reason="scikit-learn comes with the trainer")
    weights = "balanced" if settings.balanced else None
    made = svm.LinearSVC(C=settings.cost, class_weight=weights, tol=1e-10, max_iter=1_000_000, random_state=0)
    return np.asarray(made.fit(rows, inside).decision_function(asked))


@pytest.mark.parametrize("cost", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize(
    ("people", "each", "strangers", "dimensions"), [(1, 5, 40, 128), (8, 3, 60, 128), (6, 5, 30, 512), (3, 2, 40, 8)]
)
def test_equals_scikit_learn(
    people: int, each: int, strangers: int, dimensions: int, balanced: bool, cost: float
) -> None:
    rows, classes = some_people(people, each, strangers, dimensions, seed=people)
    asked, _ = some_people(people, 10, 50, dimensions, seed=people + 1)
    settings = SvmSettings(cost, balanced)
    decided = fit_svm(rows, classes, people, settings).decide(asked)
    for person in range(people):
        expected = of_scikit_learn(rows, classes == person, settings, asked)
        np.testing.assert_allclose(decided[:, person], expected, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def real(data_folder: Path) -> tuple[Vectors, NDArray[np.int64]]:
    """MobileFaceNet's vectors of ten people's pictures, as they are, and of forty strangers."""
    table = data_folder / "faces" / "split.csv"
    network = data_folder / BACKBONES_FOLDER / "mobilefacenet_casia_112x96.onnx"
    if not network.is_file() or not table.is_file():
        pytest.skip("needs faces and MobileFaceNet")
    with table.open() as lines:
        entries = list(csv.DictReader(lines))
    known = sorted({entry["person"] for entry in entries if entry["role"] == "enrol"})[:10]
    strangers = [entry for entry in entries if entry["role"] == "unknown"][:80:2]
    chosen = [entry for entry in entries if entry["person"] in known and entry["role"] == "enrol"]
    rows = []
    for entry in (*chosen, *strangers):
        face = (
            Image.open(data_folder / "faces" / entry["filename"])
            .convert("RGB")
            .crop((11, -10, 149, 150))
            .resize((96, 112))
        )
        rows.append((np.asarray(face, np.float32).transpose(2, 0, 1) - 127.5) / 128)
    runtime = load_runtime(network, "onnx")
    pictures = np.stack(rows)
    vectors = np.concatenate([next(iter(runtime.run({"input": row[np.newaxis]}).values())) for row in pictures])
    runtime.close()
    return unit(vectors), np.array([*(known.index(entry["person"]) for entry in chosen), *[-1] * len(strangers)])


@pytest.mark.data
def test_equals_scikit_learn_on_real_faces(real: tuple[Vectors, NDArray[np.int64]]) -> None:
    rows, classes = real
    for settings in (SvmSettings(1.0, True), SvmSettings(10.0, False)):
        decided = fit_svm(rows, classes, 10, settings).decide(rows)
        assert (decided[:40].argmax(axis=1) == classes[:40]).all()
        for person in range(10):
            expected = of_scikit_learn(rows, classes == person, settings, rows)
            np.testing.assert_allclose(decided[:, person], expected, atol=1e-4, rtol=0)


def test_gives_the_same_numbers_each_time_and_in_any_order() -> None:
    rows, classes = some_people(4, 5, 30, 64, seed=3)
    order = np.random.default_rng(0).permutation(len(rows))
    first = fit_svm(rows, classes, 4, SvmSettings())
    again, shuffled = fit_svm(rows, classes, 4, SvmSettings()), fit_svm(rows[order], classes[order], 4, SvmSettings())
    np.testing.assert_array_equal(first.weights, again.weights)
    np.testing.assert_allclose(first.weights, shuffled.weights, atol=1e-6)


def test_a_hard_negative_changes_its_own_class_alone() -> None:
    rows, classes = some_people(3, 5, 30, 32, seed=5)
    lookalike = unit(rows[classes == 1].mean(axis=0) + 0.1)[np.newaxis]
    before = fit_svm(rows, classes, 3, SvmSettings())
    after = fit_svm(rows, classes, 3, SvmSettings(), {1: lookalike})
    assert before.decide(lookalike)[0, 1] > 0.5
    assert after.decide(lookalike)[0, 1] < before.decide(lookalike)[0, 1] - 0.3
    np.testing.assert_array_equal(after.weights[[0, 2]], before.weights[[0, 2]])
    sides = np.concatenate([classes == 1, [False]])
    expected = of_scikit_learn(np.concatenate([rows, lookalike]), sides, SvmSettings(), lookalike)
    np.testing.assert_allclose(after.decide(lookalike)[:, 1], expected, atol=1e-4)


def test_wants_both_sides() -> None:
    rows, classes = some_people(1, 3, 0, 16, seed=1)
    with pytest.raises(InvalidInput, match="class 0 needs vectors of its own, and others; add a cohort"):
        fit_svm(rows, classes, 1, SvmSettings())
    two, classes = some_people(2, 3, 0, 16, seed=1)
    with pytest.raises(InvalidInput, match="class 2 needs"):
        fit_svm(two, classes, 3, SvmSettings())
