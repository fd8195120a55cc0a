"""What a broken download leaves: it is resumed or thrown away, and neither wrong content nor a full disk stays."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cache_tools import LARGE, MEBIBYTE, TASK, Counting, cached
from model_registry.server import RegistryServer
from pipit.bundle import Bundle, open_bundle
from pipit.errors import IntegrityError, Unavailable
from pipit.registry import BundleCache, RegistryClient
from pipit.storage import LocalStore


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
