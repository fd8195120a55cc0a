"""What tests of the cache share: content to fetch, a client that counts, and what lies in a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipit.registry import Cancellation, RegistryClient

TASK = "test.sounds"
MEBIBYTE = 1024 * 1024
LARGE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(4 * MEBIBYTE // 32))


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


def cached(tmp_path: Path) -> set[str]:
    """Digests of the bundles in the cache of the fixture's folder."""
    return {path.name for path in (tmp_path / "cache/bundles").iterdir()}
