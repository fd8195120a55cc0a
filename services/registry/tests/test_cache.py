"""A device's cache against a real registry: resumed, checked, kept within its size, good for a start without it."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from model_registry.server import RegistryServer
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.keyring import Keyring
from pipit.bundle.signing import generate_key
from pipit.errors import InputTooLarge, IntegrityError, InvalidInput, NotFound, Unavailable
from pipit.registry import Assignment, BundleCache, Cancellation, RegistryClient
from pipit.storage import LocalStore

TASK = "test.sounds"
MEBIBYTE = 1024 * 1024
LARGE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(4 * MEBIBYTE // 32))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BundleCache]:
    cache = BundleCache(tmp_path / "cache", 64 * MEBIBYTE)
    yield cache
    cache.close()


class Counting(RegistryClient):
    """Counts the calls and bytes of downloads."""

    calls = 0
    downloaded = 0

    def get_version(self, task: str, version: str) -> Any:
        self.calls += 1
        return super().get_version(task, version)

    def download(self, digest: str, offset: int = 0, cancellation: Cancellation | None = None) -> Iterator[bytes]:
        self.calls += 1
        for data in super().download(digest, offset, cancellation):
            self.downloaded += len(data)
            yield data


@pytest.fixture
def counting(registry: RegistryServer) -> Iterator[Counting]:
    with Counting(f"127.0.0.1:{registry.port}", timeout=60) as client:
        yield client


def away() -> RegistryClient:
    """A client of a registry that is not there."""
    return RegistryClient("127.0.0.1:1", timeout=60)


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_bundle_is_fetched_once(counting: Counting, make_bundle: Callable[..., Bundle], cache: BundleCache) -> None:
    bundle = make_bundle(weights=LARGE, key=generate_key())
    counting.publish(bundle.path)

    path = cache.fetch(counting, TASK, "1.0.0", bundle.digest)

    assert everything(path) == everything(bundle.path)
    for name in everything(path):
        assert (path / name).read_bytes() == (bundle.path / name).read_bytes()
    calls = counting.calls
    assert cache.fetch(counting, TASK, "1.0.0", bundle.digest) == path
    assert counting.calls == calls


def test_a_bundle_is_fetched_to_a_file_system_without_hard_links(
    client: RegistryClient, make_bundle: Callable[..., Bundle], cache: BundleCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle()
    client.publish(bundle.path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    manifest = bundle.manifest
    folder = cache.fetch(client, manifest.task, str(manifest.version), bundle.digest)
    assert open_bundle(folder).digest == bundle.digest


def test_what_is_cached_serves_while_the_registry_is_away(
    client: RegistryClient, make_bundle: Callable[..., Bundle], cache: BundleCache
) -> None:
    bundle = make_bundle()
    client.publish(bundle.path)
    path = cache.fetch(client, TASK, "1.0.0", bundle.digest)

    with away() as nobody:
        assert cache.fetch(nobody, TASK, "1.0.0", bundle.digest) == path
        with pytest.raises(Unavailable, match="can't be reached"):
            cache.fetch(nobody, TASK, "1.1.0", "0" * 64)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "weights.onnx").write_bytes(b"Weights"),
        lambda path: (path / "weights.onnx").write_bytes(b""),
        lambda path: (path / "weights.onnx").unlink(),
        lambda path: (path / "bundle.yaml").write_bytes(b"format: ["),
        lambda path: (path / "bundle.yaml").unlink(),
        lambda path: shutil.rmtree(path / "report"),
    ],
)
def test_a_corrupt_bundle_is_fetched_anew(
    client: RegistryClient,
    make_bundle: Callable[..., Bundle],
    cache: BundleCache,
    damage: Callable[[Path], object],
) -> None:
    bundle = make_bundle()
    client.publish(bundle.path)
    path = cache.fetch(client, TASK, "1.0.0", bundle.digest)
    damage(path)

    with away() as nobody, pytest.raises(Unavailable):
        cache.fetch(nobody, TASK, "1.0.0", bundle.digest)
    cache.fetch(client, TASK, "1.0.0", bundle.digest)

    assert open_bundle(path).digest == bundle.digest
    assert (path / "weights.onnx").read_bytes() == b"weights"


def test_a_manifest_of_another_bundle_is_corrupt(
    client: RegistryClient, make_bundle: Callable[..., Bundle], cache: BundleCache
) -> None:
    first, second = make_bundle("1.0.0"), make_bundle("1.1.0")
    client.publish(first.path)
    path = cache.fetch(client, TASK, "1.0.0", first.digest)
    shutil.copy(second.path / "bundle.yaml", path / "bundle.yaml")

    cache.fetch(client, TASK, "1.0.0", first.digest)

    assert open_bundle(path).digest == first.digest


def test_a_broken_download_goes_on_where_it_ended(
    registry: RegistryServer,
    counting: Counting,
    make_bundle: Callable[..., Bundle],
    cache: BundleCache,
    wire_to: Callable[[str], Any],
    eventually: Callable[[Callable[[], bool]], None],
    tmp_path: Path,
) -> None:
    bundle = make_bundle(weights=LARGE)
    counting.publish(bundle.path)
    digest = bundle.manifest.files["weights.onnx"].sha256
    wire = wire_to(f"127.0.0.1:{registry.port}")

    wire.budget, wire.stalls = 5 * MEBIBYTE // 2, True
    partial = tmp_path / "cache/partial" / bundle.digest / digest

    def fetch_until_it_breaks() -> None:
        with RegistryClient(f"127.0.0.1:{wire.port}", timeout=60) as client, pytest.raises(Unavailable):
            cache.fetch(client, TASK, "1.0.0", bundle.digest)

    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(fetch_until_it_breaks)
        eventually(lambda: partial.exists() and partial.stat().st_size >= MEBIBYTE)
        wire.cut()
        fetching.result()
    kept = partial.stat().st_size
    assert MEBIBYTE <= kept < len(LARGE)

    path = cache.fetch(counting, TASK, "1.0.0", bundle.digest)

    assert counting.downloaded == len(LARGE) + len(b"golden") - kept
    assert (path / "weights.onnx").read_bytes() == LARGE
    assert list((tmp_path / "cache/partial").iterdir()) == []


def test_a_wrong_beginning_is_thrown_away(
    counting: Counting, make_bundle: Callable[..., Bundle], cache: BundleCache, tmp_path: Path
) -> None:
    bundle = make_bundle(weights=LARGE)
    counting.publish(bundle.path)
    digest = bundle.manifest.files["weights.onnx"].sha256
    for wrong in (b"wrong" * 1000, b"x" * (len(LARGE) + 1)):
        partial = tmp_path / "cache/partial" / bundle.digest
        partial.mkdir(parents=True)
        (partial / digest).write_bytes(wrong)

        path = cache.fetch(counting, TASK, "1.0.0", bundle.digest)

        assert (path / "weights.onnx").read_bytes() == LARGE
        shutil.rmtree(path)


def test_wrong_content_of_the_registry_is_refused(
    client: RegistryClient, make_bundle: Callable[..., Bundle], cache: BundleCache, store: LocalStore, tmp_path: Path
) -> None:
    bundle = make_bundle(weights=LARGE)
    client.publish(bundle.path)
    digest = bundle.manifest.files["weights.onnx"].sha256
    key = f"blobs/sha256/{digest}"
    store.replace(key, bytes(len(LARGE)), store.read(key).etag)

    with pytest.raises(IntegrityError, match=f"blob {digest} does not match"):
        cache.fetch(client, TASK, "1.0.0", bundle.digest)
    assert list((tmp_path / "cache/bundles").iterdir()) == []

    store.replace(key, LARGE, store.read(key).etag)
    assert open_bundle(cache.fetch(client, TASK, "1.0.0", bundle.digest)).digest == bundle.digest


def test_a_digest_must_be_that_of_the_version(
    client: RegistryClient, make_bundle: Callable[..., Bundle], cache: BundleCache
) -> None:
    client.publish(make_bundle().path)

    with pytest.raises(IntegrityError, match="another digest"):
        cache.fetch(client, TASK, "1.0.0", "0" * 64)
    with pytest.raises(InvalidInput, match="SHA-256"):
        cache.fetch(client, TASK, "1.0.0", "../../etc")
    with pytest.raises(NotFound, match="no version"):
        cache.fetch(client, TASK, "2.0.0", "0" * 64)


def test_only_trusted_bundles_are_fetched_or_served(
    counting: Counting, make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    key = generate_key()
    signed, unsigned = make_bundle("1.0.0", key=key), make_bundle("1.1.0")
    for bundle in (signed, unsigned):
        counting.publish(bundle.path)
    cache = BundleCache(tmp_path / "cache", 64 * MEBIBYTE, Keyring([key.public_key()]))

    path = cache.fetch(counting, TASK, "1.0.0", signed.digest)
    assert open_bundle(path, [key.public_key()]).signed_by is not None
    downloaded = counting.downloaded
    with pytest.raises(IntegrityError, match="not signed"):
        cache.fetch(counting, TASK, "1.1.0", unsigned.digest)
    assert counting.downloaded == downloaded
    cache.close()

    other = BundleCache(tmp_path / "cache", 64 * MEBIBYTE, Keyring([generate_key().public_key()]))
    with pytest.raises(IntegrityError, match="not that of a trusted key"):
        other.fetch(counting, TASK, "1.0.0", signed.digest)
    other.close()


@pytest.fixture
def three(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> list[Bundle]:
    """Published bundles of 1 MiB each, and a little."""
    bundles = [make_bundle(f"1.{number}.0", bytes([number]) * MEBIBYTE) for number in range(3)]
    for bundle in bundles:
        client.publish(bundle.path)
    return bundles


def fetch(cache: BundleCache, client: RegistryClient, bundle: Bundle) -> Path:
    return cache.fetch(client, TASK, str(bundle.manifest.version), bundle.digest)


def cached(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache/bundles").iterdir()}


def test_the_least_recently_used_bundle_goes_first(client: RegistryClient, three: list[Bundle], tmp_path: Path) -> None:
    cache = BundleCache(tmp_path / "cache", 5 * MEBIBYTE // 2)
    for age, bundle in ((30, three[0]), (20, three[1])):
        path = fetch(cache, client, bundle)
        cache.release(bundle.digest)
        os.utime(path, (path.stat().st_mtime - age, path.stat().st_mtime - age))
    fetch(cache, client, three[0])
    cache.release(three[0].digest)

    fetch(cache, client, three[2])

    assert cached(tmp_path) == {three[0].digest, three[2].digest}
    assert list((tmp_path / "cache/partial").iterdir()) == []
    cache.close()


def test_what_is_in_use_or_remembered_stays(client: RegistryClient, three: list[Bundle], tmp_path: Path) -> None:
    cache = BundleCache(tmp_path / "cache", 5 * MEBIBYTE // 2)
    fetch(cache, client, three[0])
    cache.remember(Assignment(TASK, "production", "1.0.0", three[0].digest, 1))
    cache.release(three[0].digest)
    fetch(cache, client, three[1])

    with pytest.raises(Unavailable, match="what is left in it is in use"):
        fetch(cache, client, three[2])
    assert cached(tmp_path) == {three[0].digest, three[1].digest}

    cache.remember(Assignment(TASK, "production", "1.1.0", three[1].digest, 2))
    fetch(cache, client, three[2])
    assert cached(tmp_path) == {three[1].digest, three[2].digest}
    cache.close()


def test_what_another_process_uses_stays(client: RegistryClient, three: list[Bundle], tmp_path: Path) -> None:
    # Locks of two caches of one process exclude each other just as those of two processes do.
    mine, theirs = (BundleCache(tmp_path / "cache", 5 * MEBIBYTE // 2) for _ in range(2))
    fetch(theirs, client, three[0])
    fetch(mine, client, three[1])

    with pytest.raises(Unavailable, match="in use"):
        fetch(mine, client, three[2])

    theirs.close()
    fetch(mine, client, three[2])
    assert cached(tmp_path) == {three[1].digest, three[2].digest}
    mine.close()


def test_what_is_held_stays_although_nobody_uses_it(
    client: RegistryClient, three: list[Bundle], tmp_path: Path
) -> None:
    mine, theirs = (BundleCache(tmp_path / "cache", 5 * MEBIBYTE // 2) for _ in range(2))
    # It may be held before it comes.
    mine.hold(TASK, {three[0].digest, three[2].digest})
    fetch(mine, client, three[0])
    mine.release(three[0].digest)
    fetch(theirs, client, three[1])
    for cache in (mine, theirs):
        with pytest.raises(Unavailable, match="what is left in it is in use"):
            fetch(cache, client, three[2])
    assert cached(tmp_path) == {three[0].digest, three[1].digest}

    mine.hold("test.other", {three[0].digest})
    mine.hold(TASK, {three[2].digest})
    with pytest.raises(Unavailable, match="in use"):
        fetch(mine, client, three[2])
    mine.hold("test.other", set())
    fetch(mine, client, three[2])
    assert cached(tmp_path) == {three[1].digest, three[2].digest}
    mine.close()
    theirs.close()


def test_what_was_half_fetched_makes_room_first(client: RegistryClient, three: list[Bundle], tmp_path: Path) -> None:
    cache = BundleCache(tmp_path / "cache", 5 * MEBIBYTE // 2)
    fetch(cache, client, three[0])
    cache.release(three[0].digest)
    partial = tmp_path / "cache/partial" / three[1].digest
    partial.mkdir()
    (partial / "0").write_bytes(bytes(MEBIBYTE))

    fetch(cache, client, three[2])

    assert not partial.exists()
    assert cached(tmp_path) == {three[0].digest, three[2].digest}
    cache.close()


def test_a_bundle_over_the_limit_is_refused(client: RegistryClient, three: list[Bundle], tmp_path: Path) -> None:
    cache = BundleCache(tmp_path / "cache", MEBIBYTE)

    with pytest.raises(InputTooLarge, match="the cache may hold 1048576"):
        fetch(cache, client, three[0])


def test_processes_share_a_cache(
    registry: RegistryServer,
    client: RegistryClient,
    make_bundle: Callable[..., Bundle],
    tmp_path: Path,
    popen: Callable[..., Any],
) -> None:
    bundle = make_bundle(weights=LARGE)
    client.publish(bundle.path)
    script = str(Path(__file__).with_name("racing_fetch.py"))
    address = f"127.0.0.1:{registry.port}"
    command = [sys.executable, script, str(tmp_path / "cache"), address, TASK, "1.0.0", bundle.digest]
    racers = [popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    answers = []
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        answers.append(racer.communicate()[0].strip())

    assert answers == [bundle.digest] * 3
    assert cached(tmp_path) == {bundle.digest}
    downloads = registry.metrics.registry.get_sample_value(
        "grpc_server_handled_total",
        {
            "grpc_type": "server_stream",
            "grpc_service": "pipit.registry.v1.RegistryService",
            "grpc_method": "Download",
            "grpc_code": "OK",
        },
    )
    assert downloads == 2  # weights and golden samples, once each; the empty file needs no call


@contextmanager
def small_disk() -> Iterator[None]:
    """No file of this process can grow beyond 1 MiB, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_named_and_outlived(
    counting: Counting, make_bundle: Callable[..., Bundle], cache: BundleCache, tmp_path: Path
) -> None:
    bundle = make_bundle(weights=LARGE)
    counting.publish(bundle.path)

    with small_disk(), pytest.raises(Unavailable, match="free some space"):
        cache.fetch(counting, TASK, "1.0.0", bundle.digest)
    assert cached(tmp_path) == set()
    downloaded = counting.downloaded

    assert open_bundle(cache.fetch(counting, TASK, "1.0.0", bundle.digest)).digest == bundle.digest
    assert counting.downloaded - downloaded < len(LARGE)
