from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.training.kit import exported
from pipit.training.recipe import Recipe
from pipit.training.sklearn_kit import SklearnKit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

NAMES = ("embedding", "scores")
KIT = SklearnKit()
RECIPE = Recipe.model_validate(
    {
        "task": "test.clouds",
        "name": "clouds",
        "network": "svm",
        "data": [{"kind": "none", "path": ".", "licence": "made here"}],
        "split": {"rule": "group"},
    }
)

Points = tuple[NDArray[np.float32], NDArray[np.int64]]


def points(count: int, seed: int) -> Points:
    """Three clouds in four dimensions."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % 3
    return (generator.normal(size=(count, 4)) + 4.0 * np.eye(4)[truth]).astype(np.float32), truth


def estimator() -> object:
    """A support vector machine whose scores are probabilities."""
    return make_pipeline(StandardScaler(), CalibratedClassifierCV(SVC(), ensemble=False))


def test_an_estimator_learns_is_kept_and_answers_the_same_in_onnx_runtime(tmp_path: Path, quiet: Any) -> None:
    trained = KIT.fit(estimator, RECIPE, points(150, 1), points(60, 2), tmp_path, tmp_path, quiet)
    assert trained.fitted.best_epoch == 0
    assert 0.0 < trained.fitted.history["val_loss"][0] < 0.3
    KIT.save(trained.network, tmp_path)
    loaded = KIT.load(tmp_path, lambda: None)
    rows, truth = points(90, 3)
    scores = KIT.outputs(loaded, rows)
    assert scores.shape == (90, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-6)
    assert (scores.argmax(axis=1) == truth).mean() > 0.9
    KIT.export(loaded, {"float32": tmp_path / "float32.onnx"}, NAMES, rows, None)
    with exported(tmp_path / "float32.onnx", KIT.runtime, NAMES) as ask:
        np.testing.assert_allclose(ask(rows), scores, atol=1e-5)
        assert ask(rows[:1]).shape == (1, 3)


def test_there_is_no_8_bit_form(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="float32 alone"):
        KIT.export(None, {"int8": tmp_path / "int8.onnx"}, NAMES, points(3, 1)[0], None)
    assert not list(tmp_path.iterdir())


def test_a_label_that_is_not_trained_is_missed_by_name(tmp_path: Path, quiet: Any) -> None:
    rows, truth = points(30, 1)
    with pytest.raises(InvalidInput, match=r"it has \[0, 1\] of 3"):
        KIT.fit(estimator, RECIPE, (rows[truth < 2], truth[truth < 2]), (rows, truth), tmp_path, tmp_path, quiet)
