"""What goes between a server and its workers: pickled, for both are the same program with the same rights.

control   Open, Close ──>   <── Opened, Failed
lane      Ask, Run ──>      <── Worked, Ran, Failed      one at a time on each lane
"""

from __future__ import annotations

import pickle
import traceback
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pipit import errors
from pipit.errors import PipitError
from pipit.inputs import Input
from pipit.types import Prediction, StageTimes, Tensors


class Open(NamedTuple):
    """Have this bundle ready from now on, under its digest. path: its folder. threads: of one run."""

    digest: str
    path: str
    variant: str
    threads: int
    most_rows: int | None


class Close(NamedTuple):
    """Free it."""

    digest: str


class Opened(NamedTuple):
    """It is ready."""

    digest: str


class Ask(NamedTuple):
    """deadline: of the monotonic clock, which all processes of a machine share, in seconds."""

    digest: str
    item: Input
    deadline: float | None


class Run(NamedTuple):
    """Of tensors for the network itself, by name; the first axis of each is the batch."""

    digest: str
    tensors: Tensors
    deadline: float | None


class Ran(NamedTuple):
    """What the network gave, by name."""

    outputs: dict[str, NDArray[Any]]


class Worked(NamedTuple):
    """An answer. times: of each stage, in seconds. rows: that the network ran over."""

    predictions: list[Prediction]
    times: StageTimes
    rows: int


class Failed(NamedTuple):
    """What was raised. kind: a class of `pipit.errors`; empty: nobody foresaw it, and the text is its stack."""

    kind: str
    text: str

    @property
    def error(self) -> Exception:
        """The same once more, for whoever asked."""
        known = getattr(errors, self.kind, None)
        if isinstance(known, type) and issubclass(known, PipitError):
            return known(self.text)
        return WorkerFailed(self.text)


class WorkerFailed(RuntimeError):
    """A worker met an error that nobody foresaw; the text is its stack."""


def failure(error: Exception) -> Failed:
    """For the other side."""
    if isinstance(error, PipitError):
        return Failed(type(error).__name__, str(error))
    return Failed("", traceback.format_exc()[-8000:])


def send(connection: Connection, message: Any) -> None:
    """Raises OSError where the other side is gone."""
    connection.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    """Waits for a message. Raises EOFError, OSError where the other side is gone."""
    return pickle.loads(connection.recv_bytes())
