"""What a trainer needs of a framework: one small class for each, which tasks name and never look into.

keras_kit.KerasKit      LiteRT files; the network is kept whole
torch_kit.TorchKit      ONNX files; weights are kept, the task builds the network
sklearn_kit.SklearnKit  ONNX files; the estimator is kept whole
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipit.runtimes import load_runtime
from pipit.training.fitting import Fitted
from pipit.training.native_lines import without_chatter
from pipit.training.progress import Progress
from pipit.training.recipe import Recipe
from pipit.training.run import Facts

Rows = NDArray[Any]
"""As a network takes them, (n, …)."""
Outputs = NDArray[np.float32]
"""As it gives them, (n, …)."""
Labelled = tuple[Rows, NDArray[np.int64]]
"""Rows of one side, and the position of each one's label."""
Ask = Callable[[Rows], Outputs]
"""What a network, trained or exported, says to rows."""

MOST_ROWS = 4096
"""Rows that an exported network is asked about at a time."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a task's training gives. facts: a few values for people beside those of the best epoch."""

    network: Any
    fitted: Fitted
    facts: Facts = field(default_factory=dict)


class Kit(ABC):
    """One framework."""

    runtime: ClassVar[Literal["litert", "onnx"]]
    """What serves its networks."""
    ending: ClassVar[str]
    """Of an exported file."""
    packages: ClassVar[tuple[str, ...]]
    """Whose versions decide what comes out; reports tell them."""

    @abstractmethod
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
        """Trains what `build` makes on rows as they are, to tell labels apart; goes on from what lies in `scratch`.

        For networks that give logits, (n, labels), and for estimators that give probabilities. logs: TensorBoard's.
        Raises InvalidInput for a training that comes to nothing.
        """

    @abstractmethod
    def save(self, network: Any, folder: Path) -> None:
        """Keeps a trained network among what the step leaves."""

    @abstractmethod
    def load(self, folder: Path, build: Callable[[], Any]) -> Any:
        """Gives back what `save` kept. build: makes the network without its weights, where they alone were kept."""

    @abstractmethod
    def outputs(self, network: Any, rows: Rows) -> Outputs:
        """What the network says to rows, (n, …), any number, in evaluation mode."""

    @abstractmethod
    def export(
        self,
        network: Any,
        files: Mapping[str, Path],
        names: tuple[str, str],
        rows: Rows,
        calibration: Rows | None,
    ) -> None:
        """Writes variants, each into its file for `runtime`.

        files: by the names of the variants. names: of the only input and output. rows: at least one, as the network
        takes them, for its shape and dtype. calibration: training rows that set the ranges of 8 bits. Raises
        InvalidInput for an unknown variant.
        """


@contextmanager
def exported(path: Path, runtime: str, names: tuple[str, str], at_once: int = MOST_ROWS) -> Iterator[Ask]:
    """Asks an exported network in the runtime that will serve it. names: of its input and output.

    Rows of another type are given as float32. at_once: rows of one run.
    """
    source, target = names
    with without_chatter():
        opened = load_runtime(path, runtime)
    with closing(opened) as network:

        def ask(rows: Rows) -> Outputs:
            parts = [
                network.run({source: np.asarray(rows[start : start + at_once], np.float32)})[target]
                for start in range(0, max(1, len(rows)), at_once)
            ]
            return np.concatenate(parts)

        yield ask
