"""The further networks of a bundle, opened and closed together: for the server, the trainer and the tools alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipit.bundle.manifest import Network
from pipit.bundle.reader import Bundle
from pipit.errors import InvalidInput, NotFound
from pipit.pipelines import Pipeline, load_pipeline
from pipit.runtimes.base import Runtime
from pipit.runtimes.loader import load_runtime


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
