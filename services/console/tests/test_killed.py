"""A console that is killed in the middle of a person's work, and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from model_registry.server import RegistryServer
from pipit.labels.client import LabelClient
from pipit.labels.gathering import all_events

TASK = "test.sounds"


@contextmanager
def running(registry: RegistryServer, cache: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A console in a process of its own, and the browser of somebody who is signed in there."""
    environment = {
        **os.environ,
        "PIPIT_CONSOLE_REGISTRY": f"127.0.0.1:{registry.port}",
        "PIPIT_CONSOLE_PORT": "0",
        "PIPIT_CONSOLE_METRICS_PORT": "0",
        "PIPIT_CONSOLE_CACHE_DIR": str(cache),
        "PIPIT_CONSOLE_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "pipit_console"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if '"started"' in line)
            port = line.split('"port": ')[1].split(",")[0]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0) as browser:
                answer = browser.post("/api/v1/session", json={"token": "token-of-lab"})
                browser.headers["X-Pipit-CSRF"] = answer.json()["csrf"]
                yield process, browser
        finally:
            process.kill()


def test_no_label_is_lost_or_doubled(registry: RegistryServer, keep: Callable[..., Any], tmp_path: Path) -> None:
    batches = [
        {
            "batch_id": str(uuid.uuid4()),
            "events": [
                {
                    "id": str(uuid.uuid4()),
                    "kind": "label",
                    "example": example.id,
                    "label": "loud",
                    "at": datetime.now(UTC).isoformat(),
                }
            ],
        }
        for example in keep(8)
    ]
    path = f"/api/v1/label/{TASK}/events"
    with running(registry, tmp_path / "cache") as (process, browser):
        for batch in batches[:4]:
            assert browser.post(path, json=batch).status_code == 200

        def go_on() -> None:
            with suppress(httpx.TransportError):
                for batch in batches[4:]:
                    browser.post(path, json=batch)

        thread = threading.Thread(target=go_on)
        thread.start()
        process.kill()
        thread.join()
    with running(registry, tmp_path / "cache") as (_, browser):
        # What a page does that got no answer: it sends everything again that it does not know to be stored.
        known = [browser.post(path, json=batch).json()["known"] for batch in batches]
        assert known[:4] == [True] * 4
        summary = browser.get(f"/api/v1/label/{TASK}/summary").json()
        assert (summary["progress"]["labelled"], summary["people"][0]["labels"]) == (8, 8)
    with LabelClient(f"127.0.0.1:{registry.port}", "token-of-lab") as labels:
        assert sorted(event.id for event in all_events(labels, TASK)) == sorted(
            batch["events"][0]["id"] for batch in batches
        )
