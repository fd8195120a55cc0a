"""Figures of each data set apart, by the name of its folder: `accuracy.fer2013` beside `accuracy`.

Data sets differ more than the pictures of one do: a mean over several hides what a network does on any of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Metric
from pipit.training.evaluation import Scores, Truth, evaluate
from pipit.training.examples import Asked, Further


def source_of(name: str) -> str:
    """The folder of the data set that a face is of, which stands first in its name."""
    return name.partition("/")[0]


def metrics_by_source(
    labels: tuple[str, ...], truth: Truth, scores: Scores, groups: NDArray[np.object_], names: Sequence[str], seed: int
) -> dict[str, Metric]:
    """Accuracy, macro_f1 and each label's f1 of every data set. names: of the faces, one for each of the others."""
    sources = np.array([source_of(name) for name in names])
    found: dict[str, Metric] = {}
    for source in sorted(set(sources.tolist())):
        rows = np.flatnonzero(sources == source)
        metrics = evaluate(labels, truth[rows], scores[rows], groups[rows], seed=seed).metrics()
        kept = [name for name in metrics if name in ("accuracy", "macro_f1") or name.startswith("f1.")]
        found |= {f"{name}.{source}": metrics[name] for name in kept}
    return found


def asked_by_source(asked: Asked) -> Further:
    """The same for `pipit evaluate`."""
    names = [example.name for example, _ in asked.answered]
    return Further(metrics_by_source(asked.labels, asked.truth, asked.scores, asked.groups, names, asked.seed))
