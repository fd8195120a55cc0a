"""A device's cache against a real registry: fetched once, checked each time, good for a start without the registry."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cache_tools import LARGE, MEBIBYTE, TASK, Counting, cached
from model_registry.server import RegistryServer
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.keyring import Keyring
from pipit.bundle.signing import generate_key
from pipit.errors import IntegrityError, InvalidInput, NotFound, Unavailable
from pipit.registry import BundleCache, RegistryClient


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
