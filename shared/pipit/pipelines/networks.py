"""The further networks of a bundle, opened and closed together: for the server, the trainer and the tools alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from pipit.bundle.manifest import Network
from pipit.bundle.reader import Bundle
from pipit.errors import InvalidInput, NotFound
from pipit.pipelines import Pipeline, load_pipeline, make_pipeline
from pipit.runtimes.base import Runtime
from pipit.runtimes.loader import load_runtime

SEARCHES = 2
"""Inputs at most that a further network looks at at once: LiteRT unpacks the weights for each interpreter, which takes
71 MB for the four that find faces and bodies."""


@contextmanager
def open_networks(
    networks: Mapping[str, Network], file: Callable[[str], Path], threads: int = 1, instances: int = 1
) -> Iterator[dict[str, Runtime]]:
    """Loads each of a manifest's networks; closes all of them at the end, and those that were open if one fails.

    file: gives the path of a network's `file`. threads, instances: as `load_runtime` takes them.
    Raises NotFound, InvalidInput as `load_runtime` does, with the network's name.
    """
    opened: dict[str, Runtime] = {}
    with ExitStack() as stack:
        for name, network in networks.items():
            try:
                runtime = load_runtime(file(network.file), network.runtime, threads=threads, instances=instances)
            except (NotFound, InvalidInput) as error:
                raise type(error)(f"network {name!r}: {error}") from error
            stack.callback(runtime.close)
            opened[name] = runtime
        yield opened


@contextmanager
def open_pipeline(bundle: Bundle, threads: int = 1, instances: int = 1) -> Iterator[Pipeline]:
    """The bundle's pipeline with its further networks, which are closed at the end. Raises as they do, and NotFound."""
    with open_networks(bundle.manifest.networks, bundle.file, threads, instances) as networks:
        yield load_pipeline(bundle.manifest, networks)


@contextmanager
def open_model(
    bundle: Bundle, variant: str, threads: int, instances: int, pipelines: Callable[..., Pipeline] = load_pipeline
) -> Iterator[tuple[Pipeline, Runtime]]:
    """A bundle as a server runs it: its pipeline, with further networks, and the variant's own; all closed at the end.

    threads: of one run. instances: runs at once, of which a further network does at most `SEARCHES`.
    Raises as `load_runtime` and `pipelines` do.
    """
    manifest = bundle.manifest
    chosen = manifest.variant(variant)
    with open_networks(manifest.networks, bundle.file, threads, min(instances, SEARCHES)) as networks:
        pipeline = make_pipeline(pipelines, manifest, networks)
        runtime = load_runtime(bundle.file(chosen.file), chosen.runtime, threads=threads, instances=instances)
        with closing(runtime):
            yield pipeline, runtime
