"""A network's rows, in and out: what pipelines check of them, in one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.answers import predict
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.inputs import TensorInput, describe
from pipit.types import Decoded, Prediction, Tensors


def take_rows(item: TensorInput, name: str, shape: tuple[int, ...], otherwise: str = "") -> Decoded:
    """A tensor that a caller made himself, as the network's input `name`: one row of `shape`, or rows of it.

    otherwise: what else the task takes, for the error of a caller who meant that. Raises InvalidInput for another
    name, dtype or shape, no rows, or values that are not finite.
    """
    hint = f"; {otherwise}" if otherwise else ""
    if item.name not in ("", name):
        raise InvalidInput(f"the network's only input is {name!r}, not {describe(item)}{hint}")
    values = item.values[np.newaxis] if item.values.ndim == len(shape) else item.values
    if values.dtype != np.float32 or values.shape[1:] != shape or not len(values):
        raise InvalidInput(
            f"{name} must be float32 of shape {shape} or (rows, …), not {item.values.dtype} {item.values.shape}{hint}"
        )
    if not np.isfinite(values).all():
        raise InvalidInput(f"{name} holds NaN or infinite values")
    return Decoded({name: values}, (None,) * len(values))


def predictions(
    scores: NDArray[np.float32], labels: tuple[str, ...], decision: Decision, decoded: Decoded
) -> list[Prediction]:
    """One for each row, every label scored. scores: (rows, labels)."""
    return [predict(row, labels, decision, region) for row, region in zip(scores, decoded.regions, strict=True)]


def outputs_of(outputs: Tensors, name: str, decoded: Decoded, columns: int) -> NDArray[np.float32]:
    """The network's output `name`, (rows, columns), a row for each region. Raises InvalidInput for another shape."""
    values = np.asarray(outputs[name], np.float32)
    expected = (len(decoded.regions), columns)
    if values.shape != expected:
        raise InvalidInput(f"the network gave {name} of shape {values.shape}, not {expected}; the bundle is wrong")
    return values
