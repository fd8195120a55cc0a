"""A browser, and what it looks at. Skips where there is no chromium."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import DEVICE, Console, Registry, running_registry, sounds
from people import PATIENCE, Person
from playwright.sync_api import Browser, sync_playwright

OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
SOUNDS = "home_security.sounds"
"""The task that every screen shows."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium, as Debian's package has it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS), timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def registry(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """With two versions of a task, the first in production, and examples that wait for a label."""
    folder = tmp_path_factory.mktemp("registry")
    with running_registry(folder) as registry:
        for version, shift in (("1.0.0", 0.0), ("1.1.0", 0.04)):
            registry.publish(folder, SOUNDS, version, shift)
        registry.promote(SOUNDS, "1.0.0")
        registry.follow(DEVICE, SOUNDS, "1.0.0")
        registry.bring(SOUNDS, sounds(SOUNDS, 24))
        yield registry


@pytest.fixture(scope="session")
def console(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    console = Console(registry.address, tmp_path_factory.mktemp("console"))
    console.start()
    yield console
    assert console.stop() == 0


@pytest.fixture
def person(browser: Browser, console: Console) -> Iterator[Callable[..., Person]]:
    """Opens a browser for anna or ben; each is closed at the end."""
    opened: list[Person] = []

    def begin(name: str = "anna", **options: object) -> Person:
        opened.append(Person(browser.new_context(**options), console.url, name))  # type: ignore[arg-type]
        return opened[-1]

    yield begin
    for each in opened:
        each.context.close()


@pytest.fixture
def task(registry: Registry, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """One of the test's own, with a version."""
    name = f"toys.{request.node.originalname[5:60]}"
    registry.publish(tmp_path, name, "1.0.0")
    return name
