"""Keeps a bundle cache within its size: the least recently used bundle goes first, but none that is in use."""

from __future__ import annotations

import shutil
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from pipit.errors import InputTooLarge, Unavailable
from pipit.locks import exclusive_lock, try_exclusive_lock
from pipit.logging import get_logger

_log = get_logger("registry.cache")


class CacheSpace:
    """Knows what lies where; see `pipit.registry.cache` for the folders."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.bundles = root / "bundles"
        self.partial = root / "partial"
        self.locks = root / "locks"
        self._max_bytes = max_bytes
        for folder in (self.bundles, self.partial, self.locks):
            folder.mkdir(parents=True, exist_ok=True)

    def use_lock(self, digest: str) -> Path:
        """Shared by all who use a bundle."""
        return self.locks / f"{digest}.use"

    def fetch_lock(self, digest: str) -> Path:
        """Held by the one who fetches or checks a bundle."""
        return self.locks / f"{digest}.fetch"

    def make_room(self, digest: str, needed: int, kept: Set[str]) -> None:
        """Removes half-fetched and then whole bundles until `needed` bytes for `digest` fit.

        kept: digests that stay although nobody uses them now. Raises InputTooLarge if it can never fit, Unavailable if
        too much of what is here must stay.
        """
        if needed > self._max_bytes:
            raise InputTooLarge(f"the bundle has {needed} bytes, the cache may hold {self._max_bytes}; raise its limit")
        with exclusive_lock(self.locks / "space"):
            present = [*self._measure(self.partial, digest), *self._measure(self.bundles, digest)]
            excess = sum(size for _, size in present) + needed - self._max_bytes
            for path, size in present:
                if excess > 0 and _digest(path) not in kept and self._remove(path):
                    excess -= size
        if excess > 0:
            raise Unavailable(f"the cache lacks {excess} bytes: what is left in it is in use; raise its limit")

    def _measure(self, folder: Path, besides: str) -> list[tuple[Path, int]]:
        """Path and bytes of what lies in a folder, the least recently used first."""
        found = []
        for path in folder.iterdir():
            # Another process may move or remove it while it is looked at.
            with suppress(FileNotFoundError):
                if _digest(path) != besides:
                    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                    found.append((path.stat().st_mtime, path, size))
        return [(path, size) for _, path, size in sorted(found)]

    def _remove(self, path: Path) -> bool:
        digest = _digest(path)
        whole = path.parent == self.bundles
        with try_exclusive_lock(self.use_lock(digest) if whole else self.fetch_lock(digest)) as alone:
            if alone:
                # Renamed first: whoever looks for it finds all of it or nothing.
                doomed = self.partial / f"{digest}.removed"
                if path != doomed:
                    shutil.rmtree(doomed, ignore_errors=True)
                    with suppress(FileNotFoundError):
                        path.rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
                _log.info("removed_from_cache", digest=digest, whole=whole)
            return alone


def _digest(path: Path) -> str:
    return path.name.partition(".")[0]
