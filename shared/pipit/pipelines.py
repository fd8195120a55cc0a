"""What a task must bring: a `Pipeline`, found by name through the entry points of installed packages.

    decode (bytes -> tensors)  ->  the server runs the network  ->  interpret (tensors -> predictions)

A domain registers its pipelines in its `pyproject.toml`:

    [project.entry-points."pipit.pipelines"]
    "home_security.sounds" = "home_security.sounds.pipeline:SoundsPipeline"

Only what is installed can be named by a bundle: a manifest never chooses code beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Input

if TYPE_CHECKING:
    from pipit.bundle.manifest import Manifest
    from pipit.runtimes.base import Runtime

Tensors = Mapping[str, NDArray[Any]]
"""Tensors by name; the first axis of each is the batch."""
_NONE: Mapping[str, Runtime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Seconds from the start of the input (of the stream, where it is one)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the full-resolution input, origin at its upper left, after EXIF orientation."""

    left: float
    top: float
    width: float
    height: float


Region = TimeSpan | Box | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Network inputs for one caller's input, and where in it each row lies.

    tensors: each with the rows as its first axis. regions: one per row.
    """

    tensors: Tensors
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """score: 0..1. detected: the score reaches the bundle's threshold for the label."""

    label: str
    score: float
    detected: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one region. scores: best first.

    region_score: 0..1, how sure the detector was that something lies in `region`; 0 where it found nothing and the
    region is a stand-in. None: no detector looked for it.
    """

    scores: tuple[LabelScore, ...]
    region: Region = None
    unknown: bool = False
    uncertain: bool = False
    region_score: float | None = None


class StreamDecoder(Protocol):
    """State of one caller's stream. Never shared between streams.

    What `Pipeline.interpret` has to know of the stream, a smoothed score for example, goes with what `push` gives: a
    subclass of `Decoded`.
    """

    @property
    def seconds(self) -> float:
        """How long what was pushed has lasted."""
        ...

    def takes(self, item: Input) -> bool:
        """Whether the input is a part of the stream. One that is not is answered by itself."""
        ...

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """Takes the next input; gives the rows that became ready, None if there are none yet.

        seconds: when it was taken, from the stream's start, at least 0 and never before an earlier one; None where the
        caller did not say. Raises what `Pipeline.decode` raises; such an input is left out, and the stream goes on.
        """
        ...

    def finish(self) -> Decoded | None:
        """The caller is done: gives what remains."""
        ...


class Pipeline(Protocol):
    """Turns one task's inputs into tensors and its tensors into predictions. Threads share one instance.

    One whose bundles hold further networks takes them as a second argument, `networks: Mapping[str, Runtime]`; they
    stay open as long as it is used, and it does not close them.
    """

    def __init__(self, manifest: Manifest) -> None: ...

    def decode(self, item: Input) -> Decoded:
        """Raises InvalidInput for what can't be decoded, InputTooLarge for what is over a limit."""
        ...

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: the network's, with the rows of `decoded` as their first axis. One prediction per region."""
        ...

    def open_stream(self) -> StreamDecoder | None:
        """None: each input of a stream is answered by itself."""
        ...


def make_pipeline(
    make: Callable[..., Pipeline], manifest: Manifest, networks: Mapping[str, Runtime] = _NONE
) -> Pipeline:
    """`make(manifest, networks)` where the manifest names networks, else `make(manifest)`.

    Raises InvalidInput unless `networks` are those that the manifest names.
    """
    if networks.keys() != manifest.networks.keys():
        raise InvalidInput(
            f"bundle {manifest.name} names the networks {', '.join(manifest.networks) or 'none'}, but "
            f"{', '.join(networks) or 'none'} were opened; open it by `pipit.runtimes.networks.open_pipeline`"
        )
    return make(manifest, networks) if networks else make(manifest)


def installed_pipelines() -> tuple[str, ...]:
    """Names of the pipelines of all installed packages, sorted."""
    return tuple(sorted(point.name for point in entry_points(group="pipit.pipelines")))


def load_pipeline(manifest: Manifest, networks: Mapping[str, Runtime] = _NONE) -> Pipeline:
    """The pipeline that `manifest` names, made from its parameters. Raises NotFound.

    networks: the manifest's `networks`, opened; see `pipit.runtimes.networks`, which does that and calls this.
    """
    for point in entry_points(group="pipit.pipelines", name=manifest.pipeline.name):
        return make_pipeline(point.load(), manifest, networks)
    known = ", ".join(installed_pipelines()) or "none"
    raise NotFound(
        f"pipeline {manifest.pipeline.name!r} is not installed here (installed: {known}); "
        "install the domain that brings it"
    )
