"""One of several processes that fetch one bundle into one cache: racing_fetch.py ROOT ADDRESS TASK VERSION DIGEST."""

from __future__ import annotations

import sys
from pathlib import Path

from pipit.bundle import open_bundle
from pipit.registry import BundleCache, RegistryClient


def main() -> None:
    root, address, task, version, digest = sys.argv[1:]
    cache = BundleCache(Path(root), 1 << 30)
    with RegistryClient(address) as client:
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        print(open_bundle(cache.fetch(client, task, version, digest)).digest)  # noqa: T201
    cache.close()


if __name__ == "__main__":
    main()
