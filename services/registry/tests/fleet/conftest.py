"""Copies of the registry on one store and a clock of our own, and clients of real ones; see `fleet_copies`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from model_registry.server import RegistryServer
from pipit.bundle import Bundle
from pipit.fleet import FleetClient
from pipit.registry import RegistryClient
from pipit.storage import LocalStore

sys.path.insert(0, str(Path(__file__).parent))

from fleet_copies import TASK, Actor, Clock, Copy, Fleet


@pytest.fixture
def fleet_of() -> Iterator[Callable[..., FleetClient]]:
    """A client of a registry's fleet side."""
    with ExitStack() as stack:

        def connect(server: RegistryServer, token: str | None = None) -> FleetClient:
            return stack.enter_context(FleetClient(f"127.0.0.1:{server.port}", token, 60.0))

        yield connect


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store of `published` lies once it was made."""
    return tmp_path_factory.mktemp("published") / "store"


@pytest.fixture
def published(
    template: Path,
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    tmp_path: Path,
) -> Callable[[], LocalStore]:
    """A fresh store each time, with 1.0.0 in production, and 2.0.0 and 3.0.0 published."""
    if not template.exists():
        server = start(store=template)
        with connect(server) as client:
            for version in ("1.0.0", "2.0.0", "3.0.0"):
                client.publish(make_bundle(version, version.encode()).path)
            client.promote(TASK, "1.0.0", "production")
        server.stop(0)

    def fresh() -> LocalStore:
        folder = tmp_path / f"store-{len(list(tmp_path.glob('store-*')))}"
        shutil.copytree(template, folder)
        return LocalStore(folder)

    return fresh


@pytest.fixture
def copy_of(clock: Clock) -> Callable[..., Copy]:
    return lambda store, name="a", wrong=timedelta(0): Copy(store, clock, name, wrong)


@pytest.fixture
def fleet(clock: Clock) -> Callable[..., Fleet]:
    def make(size: int = 8, bad: frozenset[str] = frozenset()) -> Fleet:
        return Fleet(clock, [Actor(f"pi-{number}", clock, bad) for number in range(size)])

    return make
