"""An empty cache and a client that counts; what else tests of the cache share lies in `cache_tools`, beside this."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_registry.server import RegistryServer
from pipit.registry import BundleCache

sys.path.insert(0, str(Path(__file__).parent))

from cache_tools import MEBIBYTE, Counting


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BundleCache]:
    cache = BundleCache(tmp_path / "cache", 64 * MEBIBYTE)
    yield cache
    cache.close()


@pytest.fixture
def counting(registry: RegistryServer) -> Iterator[Counting]:
    with Counting(f"127.0.0.1:{registry.port}", timeout=60) as client:
        yield client
