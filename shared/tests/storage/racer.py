"""One of several processes that race for an object: racer.py STORE-AS-JSON create|count KEY [TIMES]."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pipit.errors import AlreadyExists, Conflict
from pipit.storage import LocalStore, ObjectStore


def open_store(description: dict[str, str]) -> ObjectStore:
    kind = description.pop("kind")
    if kind == "local":
        return LocalStore(Path(description["root"]))
    from pipit.storage.minio import MinioStore

    return MinioStore(**description, secure=False, timeout=120.0)


def create(store: ObjectStore, key: str) -> str:
    try:
        store.create(key, str(os.getpid()).encode() * 10_000)
    except AlreadyExists:
        return "lost"
    return str(os.getpid())


def count(store: ObjectStore, key: str, times: int) -> str:
    lost = 0
    for _ in range(times):
        while True:
            stored = store.read(key)
            try:
                store.replace(key, str(int(stored.data) + 1).encode(), stored.etag)
            except Conflict:
                lost += 1
                continue
            break
    return str(lost)


def main() -> None:
    description, action, key, *rest = sys.argv[1:]
    store = open_store(json.loads(description))
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    print(create(store, key) if action == "create" else count(store, key, int(rest[0])))  # noqa: T201


if __name__ == "__main__":
    main()
