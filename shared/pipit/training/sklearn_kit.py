"""Estimators of scikit-learn as a `pipit.training.kit.Kit`: kept whole, exported for ONNX Runtime.

For what is learnt on top of another network's numbers, as a support vector machine on embeddings. An estimator gives
probabilities (`predict_proba`), which are scores already: a task that uses this kit overrides `scores`.

Importing this imports skl2onnx; only trainers that use it do.
Source: https://onnx.ai/sklearn-onnx/
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import joblib
import numpy as np
from skl2onnx import to_onnx
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.metrics import log_loss

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.training.fitting import fitted
from pipit.training.kit import Kit, Labelled, Outputs, Rows, Trained
from pipit.training.onnx_names import rename
from pipit.training.progress import Progress
from pipit.training.recipe import Recipe

FILE = "estimator.joblib"
OPSETS = {"": 21, "ai.onnx.ml": 3}
PROBABILITIES = "probabilities"


class SklearnKit(Kit):
    """See `Kit`."""

    runtime: ClassVar[Literal["onnx"]] = "onnx"
    ending: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime")

    def fit(
        self,
        build: Callable[[], Any],
        recipe: Recipe,
        train: Labelled,
        validation: Labelled,
        scratch: Path,
        logs: Path,
        progress: Progress,
    ) -> Trained:
        """See `Kit`: fits once, so that the history has one epoch, the log loss of both sides.

        Raises InvalidInput unless the training side has every label from 0 to the largest of both sides.
        """
        classes = np.unique(train[1])
        wanted = np.arange(max(int(train[1].max()), int(validation[1].max())) + 1)
        if not np.array_equal(classes, wanted):
            raise InvalidInput(
                f"the training side lacks labels: it has {classes.tolist()} of {len(wanted)}; add samples"
            )
        estimator = build()
        with progress.track("training", 1) as bar:
            estimator.fit(*train)
            history = {
                name: [float(log_loss(truth, estimator.predict_proba(rows), labels=classes))]
                for name, (rows, truth) in (("loss", train), ("val_loss", validation))
            }
            bar.advance(1, f"validation {history['val_loss'][0]:.3f}")
        return Trained(estimator, fitted(history))

    def save(self, network: Any, folder: Path) -> None:
        """See `Kit`."""
        joblib.dump(network, folder / FILE)

    def load(self, folder: Path, build: Callable[[], Any]) -> Any:
        """See `Kit`. build: not called. The file is one that this process' user wrote: loading runs what is in it."""
        return joblib.load(folder / FILE)

    def outputs(self, network: Any, rows: Rows) -> Outputs:
        """Probabilities, (n, labels)."""
        return np.asarray(network.predict_proba(rows), np.float32)

    def export(
        self,
        network: Any,
        files: Mapping[str, Path],
        names: tuple[str, str],
        rows: Rows,
        calibration: Rows | None,
    ) -> None:
        """See `Kit`. There is only float32. calibration: not used."""
        for variant in files.keys() - {"float32"}:
            raise InvalidInput(f"there is no variant {variant!r}; an estimator of scikit-learn has float32 alone")
        with warnings.catch_warnings():
            # skl2onnx calls what numpy and onnx have deprecated.
            warnings.simplefilter("ignore")
            model = to_onnx(network, np.asarray(rows[:1], np.float32), target_opset=OPSETS, options={"zipmap": False})
            model = select_model_inputs_outputs(model, PROBABILITIES)
        rename(model, {model.graph.input[0].name: names[0], PROBABILITIES: names[1]})
        write_atomically(files["float32"], model.SerializeToString(deterministic=True))
