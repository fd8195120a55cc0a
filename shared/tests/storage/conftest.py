"""The stores that the conformance suite runs on: a folder, moto's S3 on loopback, and a real S3 server if one is named.

PIPIT_TEST_S3_ENDPOINT, PIPIT_TEST_S3_ACCESS_KEY and PIPIT_TEST_S3_SECRET_KEY name the real one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pipit.settings import Settings, load_settings
from pipit.storage import LocalStore, ObjectStore
from pydantic_settings import SettingsConfigDict

RACER = Path(__file__).with_name("racer.py")
PATIENCE = 120.0
"""Seconds that a server on a busy machine has for an answer."""


class S3TestSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="PIPIT_TEST_S3_", frozen=True, env_ignore_empty=True)

    endpoint: str | None = None
    access_key: str = ""
    secret_key: str = ""


@dataclass(frozen=True)
class StoreUnderTest:
    """A fresh store, and what another process needs to open the same one."""

    store: ObjectStore
    description: dict[str, str]
    popen: Callable[..., Any]

    def race(self, action: str, key: str, processes: int, *arguments: str) -> list[str]:
        """Runs racer.py in several processes, lets them go at once, and gives each one's answer."""
        command = [sys.executable, str(RACER), json.dumps(self.description), action, key, *arguments]
        racers = [
            self.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        answers = [racer.communicate()[0].strip() for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * processes
        return answers


@pytest.fixture(params=["local", "moto", "s3"])
def under_test(
    request: pytest.FixtureRequest, tmp_path: Path, popen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> StoreUnderTest:
    if request.param == "local":
        description = {"kind": "local", "root": str(tmp_path / "store")}
        return StoreUnderTest(LocalStore(tmp_path / "store"), description, popen)
    pytest.importorskip("minio")
    from pipit.storage.minio import MinioStore

    if request.param == "moto":
        settings = S3TestSettings(
            endpoint=request.getfixturevalue("s3_endpoint"), access_key="test", secret_key="testtest"
        )
    else:
        settings = load_settings(S3TestSettings)
        if settings.endpoint is None:
            pytest.skip("no real S3 server; name one by PIPIT_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY")
    description = {
        "kind": "minio",
        "endpoint": str(settings.endpoint),
        "bucket": f"pipit-test-{uuid.uuid4().hex[:16]}",
        "access_key": settings.access_key,
        "secret_key": settings.secret_key,
    }
    connection = {name: value for name, value in description.items() if name != "kind"}
    monkeypatch.setattr("pipit.storage.minio._LOOK_SECONDS", PATIENCE)
    store = MinioStore(**connection, secure=False, timeout=PATIENCE)
    store.check()
    return StoreUnderTest(store, description, popen)


@pytest.fixture
def store(under_test: StoreUnderTest) -> ObjectStore:
    return under_test.store
