"""What stays in a cache and what makes room, when a device may keep no more than so many bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cache_tools import MEBIBYTE, TASK, cached
from pipit.bundle import Bundle
from pipit.errors import InputTooLarge, Unavailable
from pipit.locks import SharedLock, try_exclusive_lock
from pipit.registry import Assignment, BundleCache, RegistryClient


@pytest.fixture
def three(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> list[Bundle]:
    """Published bundles of 1 MiB each, and a little."""
    bundles = [make_bundle(f"1.{number}.0", bytes([number]) * MEBIBYTE) for number in range(3)]
    for bundle in bundles:
        client.publish(bundle.path)
    return bundles


def fetch(cache: BundleCache, client: RegistryClient, bundle: Bundle) -> Path:
    return cache.fetch(client, TASK, str(bundle.manifest.version), bundle.digest)


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


def test_of_what_is_held_one_that_can_not_be_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = ("a" * 64, "c" * 64), "b" * 64

    class Failing(SharedLock):
        def __init__(self, path: Path) -> None:
            if path.name.startswith(bad):
                raise OSError(24, "Too many open files")
            super().__init__(path)

    def held() -> list[str]:
        found = []
        for path in sorted((tmp_path / "cache/locks").iterdir()):
            with try_exclusive_lock(path) as alone:
                found += [] if alone else [path.name.partition(".")[0]]
        return found

    monkeypatch.setattr("pipit.registry.cache.SharedLock", Failing)
    cache = BundleCache(tmp_path / "cache", MEBIBYTE)
    cache.hold(TASK, {*good, bad})
    assert held() == list(good)
    cache.hold(TASK, {good[1], bad})
    assert held() == [good[1]]
    cache.close()
    assert held() == []


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
