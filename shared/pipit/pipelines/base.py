"""What a task must bring: a `Pipeline`, found by name through the entry points of installed packages.

    decode (bytes -> tensors)  ->  the server runs the network  ->  interpret (tensors -> predictions)

A domain registers its pipelines in its `pyproject.toml`:

    [project.entry-points."pipit.pipelines"]
    "my_domain.my_task" = "my_domain.my_task.pipeline:MyPipeline"

Only what is installed can be named by a bundle: a manifest never chooses code beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Input
from pipit.installed import domain_of, how_to_install
from pipit.types import Decoded, Prediction, Tensors

if TYPE_CHECKING:
    from pipit.bundle.manifest import Manifest
    from pipit.runtimes.base import Runtime

_NONE: Mapping[str, Runtime] = MappingProxyType({})


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
        f"{how_to_install(domain_of(manifest.pipeline.name), 'serve')}"
    )
