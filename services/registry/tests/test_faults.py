"""What can go away does: MinIO in the middle of a publish, the space on the disk, the store during a call."""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from model_registry.server import RegistryServer
from pipit.bundle import Bundle
from pipit.errors import DeadlineExceeded, Unavailable
from pipit.registry import PublishProgress, RegistryClient
from pipit.registry.types import PublishPlan
from pipit.rpc.probe import health_of
from pipit.storage import LocalStore
from structlog.testing import capture_logs

pytest.importorskip("minio")

TASK = "test.sounds"
MEBIBYTE = 1024 * 1024
LARGE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(6 * MEBIBYTE // 32))


@pytest.fixture
def wire(s3_endpoint: str, wire_to: Callable[[str], Any]) -> Any:
    return wire_to(s3_endpoint)


@pytest.fixture
def on_s3(start: Callable[..., RegistryServer], wire: Any) -> RegistryServer:
    """A registry whose way to its object store can be cut."""
    return start(
        minio_endpoint=f"127.0.0.1:{wire.port}",
        minio_bucket=f"bundles-{uuid.uuid4().hex[:12]}",
        minio_access_key="test",
        minio_secret_key="testtest",
        minio_secure=False,
        part_mib=1,
    )


def test_the_whole_way_on_an_object_store(
    on_s3: RegistryServer, connect: Callable[..., RegistryClient], make_bundle: Callable[..., Bundle]
) -> None:
    client = connect(on_s3)
    first, second = make_bundle("1.0.0", LARGE), make_bundle("1.1.0", b"other")

    assert client.publish(first.path).created
    assert not client.publish(first.path).created
    client.publish(second.path)
    client.promote(TASK, "1.0.0", "production")
    client.promote(TASK, "1.1.0", "production", expected_revision=1)
    assert client.rollback(TASK, "production").version == "1.0.0"

    assert client.resolve(TASK, "production").digest == first.digest
    assert [move.to_version for move in client.history(TASK, "production")] == ["1.0.0", "1.1.0", "1.0.0"]
    digest = first.manifest.files["weights.onnx"].sha256
    assert b"".join(client.download(digest, MEBIBYTE + 1)) == LARGE[MEBIBYTE + 1 :]


def test_minio_away_in_the_middle_of_a_publish(
    on_s3: RegistryServer, connect: Callable[..., RegistryClient], make_bundle: Callable[..., Bundle], wire: Any
) -> None:
    client = connect(on_s3)
    bundle = make_bundle(weights=LARGE)
    wire.budget = 3 * MEBIBYTE

    with pytest.raises(Unavailable, match="can't be reached"):
        client.publish(bundle.path, attempts=1)
    with pytest.raises(Unavailable):
        client.list_versions()

    wire.mend()
    assert client.list_versions().versions == ()
    reports: list[PublishProgress] = []
    assert client.publish(bundle.path, reports.append).created
    assert reports[0].sent >= MEBIBYTE  # what had arrived was not sent again
    assert b"".join(client.download(bundle.manifest.files["weights.onnx"].sha256)) == LARGE


def test_a_client_tries_again_by_itself(on_s3: RegistryServer, make_bundle: Callable[..., Bundle], wire: Any) -> None:
    class Mending(RegistryClient):
        """Mends the wire before it asks a second time what is missing."""

        asked = 0

        def prepare_publish(self, manifest: bytes, signature: bytes = b"") -> PublishPlan:
            self.asked += 1
            if self.asked == 2:
                wire.mend()
            return super().prepare_publish(manifest, signature)

    wire.budget = 2 * MEBIBYTE
    with Mending(f"127.0.0.1:{on_s3.port}", timeout=60) as client:
        published = client.publish(make_bundle(weights=LARGE).path)

    assert published.created
    assert client.asked == 2


def test_the_store_comes_back_by_itself(
    on_s3: RegistryServer,
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    wire: Any,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    client = connect(on_s3)
    client.publish(make_bundle().path)
    client.promote(TASK, "1.0.0", "production")

    def is_up() -> bool:
        return on_s3.metrics.registry.get_sample_value("pipit_registry_store_up") == 1

    wire.cut()
    eventually(lambda: not is_up())
    for call in (
        lambda: client.resolve(TASK, "production"),
        lambda: client.rollback(TASK, "production"),
        lambda: client.promote(TASK, "1.0.0", "staging"),
        lambda: next(iter(client.watch((TASK,), "production"))),
    ):
        with pytest.raises(Unavailable, match="can't be reached"):
            call()

    wire.mend()
    eventually(is_up)
    assert client.resolve(TASK, "production").revision == 1


def test_a_registry_starts_before_its_store(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    wire: Any,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    wire.cut()
    server = start(
        minio_endpoint=f"127.0.0.1:{wire.port}",
        minio_bucket=f"bundles-{uuid.uuid4().hex[:12]}",
        minio_access_key="test",
        minio_secret_key="testtest",
        minio_secure=False,
    )
    client = connect(server)
    with pytest.raises(Unavailable, match="can't be reached"):
        client.publish(make_bundle().path, attempts=1)

    wire.mend()
    eventually(lambda: server.metrics.registry.get_sample_value("pipit_registry_store_up") == 1)
    assert client.publish(make_bundle().path).created


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_breaks_a_publish_and_nothing_else(
    client: RegistryClient,
    make_bundle: Callable[..., Bundle],
    store: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.publish(make_bundle("0.9.0", b"before").path)
    bundle = make_bundle("1.0.0", LARGE)
    before = list(store.list(""))

    def open_on_full_disk(dir: Path) -> tuple[int, str]:  # noqa: A002 (mkstemp's own name)
        placeholder = dir / "placeholder"
        placeholder.touch()
        return os.open("/dev/full", os.O_WRONLY), str(placeholder)

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", open_on_full_disk)
        with pytest.raises(Unavailable, match="no space left"):
            client.publish(bundle.path, attempts=1)
        with pytest.raises(Unavailable, match="no space left"):
            client.promote(TASK, "0.9.0", "production")

    assert list(store.list("")) == before
    assert [version.version for version in client.list_versions().versions] == ["0.9.0"]
    assert client.publish(bundle.path).created


class Broken:
    """Fails as nothing of the registry does on purpose, until it is mended."""

    def __init__(self, works: Callable[..., Any]) -> None:
        self._works = works
        self.is_mended = False
        self.failed = threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        if not self.is_mended:
            self.failed.set()
            raise RuntimeError("a fault of our own")
        return self._works(*arguments)


def test_health_comes_back_after_a_fault_that_nobody_thought_of(
    registry: RegistryServer, eventually: Callable[[Callable[[], bool]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_up = partial(registry.metrics.registry.get_sample_value, "pipit_registry_store_up")
    broken = Broken(registry._store.check)
    with capture_logs() as logs:
        monkeypatch.setattr(registry._store, "check", broken)
        eventually(lambda: store_up() == 0)
        broken.is_mended = True
        eventually(lambda: store_up() == 1)
    of_health = [entry["event"] for entry in logs if entry["component"] == "model_registry.health"]
    assert of_health == ["look_failed", "store_away", "store_answers"]


def test_moves_are_seen_again_after_a_fault_that_nobody_thought_of(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = start(), start()
    client = connect(one)
    client.publish(make_bundle().path)
    with closing(connect(other).watch((TASK,), "production")) as stream:
        watched = iter(stream)
        assert next(watched).revision == 0
        broken = Broken(other._hub._read)
        monkeypatch.setattr(other._hub, "_read", broken)
        assert broken.failed.wait(60)
        client.promote(TASK, "1.0.0", "production")
        broken.is_mended = True
        assert next(watched).version == "1.0.0"


def test_a_registry_is_alive_before_its_store_says_anything_and_stops_all_the_same(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_registry.health._FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr("model_registry.fleet.keeper._FIRST_ROUND_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        server = start(
            minio_endpoint=endpoint, minio_access_key="test", minio_secret_key="testtest", minio_secure=False
        )
        assert health_of(f"127.0.0.1:{server.port}", "liveness", timeout=60.0) == "SERVING"
        assert health_of(f"127.0.0.1:{server.port}", timeout=60.0) == "NOT_SERVING"
        with pytest.raises(DeadlineExceeded):
            connect(server, timeout=0.3).list_versions()
        server.stop(0)
        with pytest.raises(Unavailable):
            health_of(f"127.0.0.1:{server.port}", "liveness", timeout=60.0)
