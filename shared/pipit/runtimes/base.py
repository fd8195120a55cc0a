"""The interface of a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from pipit.types import Tensors


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a network.

    shape: without the batch axis; -1 for a dimension of any size. dtype: numpy's name, as `run` takes and gives it
    (a fully quantised network still takes and gives float32: the runtime converts at its edge).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


class Runtime(Protocol):
    """One loaded network. Safe to call from several threads; `run` leaves the interpreter lock while it computes."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batches: bool
    """Whether one run over n rows can cost less than n runs over one."""

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """tensors: every input by name, any number of rows. Gives every output by name, with as many rows.

        Raises InvalidInput for a missing or unknown name, a wrong shape or dtype.
        """
        ...

    def close(self) -> None:
        """Frees the network. No `run` may follow."""
        ...
