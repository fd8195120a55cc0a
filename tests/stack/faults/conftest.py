"""What every fault needs: two versions to move between, callers who must not notice, proof that nothing is lost."""

from __future__ import annotations

import math
import struct
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pipit.errors import PipitError
from pipit.registry import BundleCache

TASK = "home_security.sounds"
RATE = 22_050
SERVER = "PIPIT_HOME_SECURITY_PORT"


@pytest.fixture(scope="session")
def digests(stack: Any, trained: str, training: tuple[str, ...]) -> dict[str, str]:
    """Two published versions and their digests. The second is the same network under another number, and serves."""
    stack.train(*training, "--version", "1.1.0")
    # The training has begun a rollout, which waits for requests.
    with stack.fleet() as fleet:
        now = {"profile": "now", "supersede": True, "override_gates": True}
        fleet.start_rollout(TASK, "1.1.0", "production", reason="a test", **now)
    with stack.registry() as registry:
        found = {version.version: version.digest for version in registry.list_versions(TASK).versions}
    assert set(found) == {"1.0.0", "1.1.0"}
    return found


@pytest.fixture(scope="session")
def tone() -> Callable[[int], bytes]:
    """So many samples of 440 Hz, 16-bit."""

    def make(samples: int) -> bytes:
        wave_at = (int(9000 * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(samples))
        return struct.pack(f"<{samples}h", *wave_at)

    return make


@pytest.fixture(scope="session")
def clip(tone: Callable[[int], bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone(5 * RATE))
    return path


@pytest.fixture
def knowledge(stack: Any, digests: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """After the test the registry knows all that it knew before it, and every byte of both bundles is there."""
    before = known(stack)
    yield
    versions, moves = known(stack)
    assert versions == before[0]
    assert moves[: len(before[1])] == before[1]
    with stack.registry("device") as registry:
        cache = BundleCache(tmp_path / "cache", 2**30)
        for version, digest in digests.items():
            cache.fetch(registry, TASK, version, digest)  # checks every file against its digest
        cache.close()


def known(stack: Any) -> tuple[Any, Any]:
    with stack.registry() as registry:
        return registry.list_versions(TASK).versions, registry.history(TASK, "production")


@pytest.fixture
def answering(stack: Any, clip: Path, digests: dict[str, str]) -> Callable[..., AbstractContextManager[None]]:
    """While it is open the server is asked all the time, and no call may fail."""

    @contextmanager
    def ask_all_the_time(port: str = SERVER) -> Iterator[None]:
        failures: list[PipitError] = []
        answers: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            with stack.server(port) as server:
                while not stop.is_set():
                    try:
                        answers.append(server.classify(clip).model.digest)
                    except PipitError as error:
                        failures.append(error)
                    stop.wait(0.05)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
            enough = len(answers) + 5
            stack.wait(lambda: bool(failures) or len(answers) > enough, "more is answered")
        finally:
            stop.set()
            thread.join()
        assert failures == []
        assert set(answers) <= set(digests.values())

    return ask_all_the_time


@pytest.fixture
def follows(stack: Any, digests: dict[str, str]) -> Callable[..., None]:
    """Promotes the other version, and waits until the server answers with it: a healed stack can do that."""

    def promote_and_wait(port: str = SERVER) -> None:
        with stack.registry() as registry:
            (environment,) = registry.list_versions(TASK).environments
            (other,) = set(digests) - {environment.version}
            promoted = registry.promote(TASK, other, "production", "a test", override_gates=True).environment
        assert promoted.digest == digests[other]
        stack.wait(lambda: stack.serving(port) == digests[other], f"{port} follows the registry again")

    return promote_and_wait


@pytest.fixture
def restart_server(stack: Any) -> Callable[[], None]:
    """Restarts the server, which has to come back with what it served."""

    def restart() -> None:
        before = stack.serving()
        stack.run("docker", "restart", stack.container("home-security"))
        stack.wait(lambda: stack.serving() == before, "the server answers from its cache")

    return restart
