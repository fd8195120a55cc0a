"""The interface of a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
    digest: str
    """SHA-256 of the network's file in hexadecimal: two networks with the same digest give the same answers."""

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """tensors: every input by name, any number of rows. Gives every output by name, with as many rows.

        Raises InvalidInput for a missing or unknown name, a wrong shape or dtype.
        """
        ...

    def close(self) -> None:
        """Ends one user's use of the network; the last user's call frees it. No `run` may follow."""
        ...


class Interpreters(Protocol):
    """What a runtime makes of a file: `pipit.runtimes.pool` shares it among users, each of which sees a `Runtime`."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batches: bool

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """As `Runtime.run`."""
        ...

    def grow(self, path: Path, instances: int) -> None:
        """From now on so many runs may go on at the same time, or as many as before if those were more.

        path: a file with the same content; the one that the first interpreters came from may be gone by now.
        Raises InvalidInput, and is then as it was.
        """
        ...

    def close(self) -> None:
        """Frees the memory once the runs that are under way have ended."""
        ...
