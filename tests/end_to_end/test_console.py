"""`make console` and `pipit demo --console` as a user runs them: a page that answers, and nothing left running."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.demo.processes import free_port

REPOSITORY = Path(__file__).parents[2]
TASK = "home_security.sounds"
Look = Callable[[Path], list[str]]
PATIENCE = 240.0


class Browser:
    """Signed in by a name."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        proxies = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(proxies, urllib.request.HTTPCookieProcessor(CookieJar()))
        self.name = self._json("/api/v1/session", {"name": "Anna"})["name"]

    def get(self, path: str) -> Any:
        return self._json(path)

    def page(self) -> str:
        with self._opener.open(f"{self._url}/", timeout=30) as answer:
            return str(answer.read().decode())

    def _json(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, {"Content-Type": "application/json"})
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
    return {**kept, "HOME": str(folder), **more}


def read_until(process: Any, pattern: str) -> str:
    """Of its standard error; gives what the pattern's group matched."""
    said = ""
    for line in process.stderr:
        said += line
        found = re.search(pattern, line)
        if found:
            return str(found[1])
    raise AssertionError(f"it ended before it said {pattern!r}:\n{said[-3000:]}")


def start(popen: Callable[..., Any], folder: Path, registry: str, *options: str) -> Any:
    command = [REPOSITORY / "services/console/run.sh", sys.executable, sys.executable, registry, *options]
    variables = {
        "PIPIT_REGISTRY_STORE": str(folder / "store"),
        "PIPIT_REGISTRY_METRICS_PORT": "0",
        "PIPIT_CONSOLE_METRICS_PORT": "0",
        "PIPIT_CONSOLE_CACHE_DIR": str(folder / "console"),
    }
    return popen(
        command, env=environment(folder, **variables), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_console_brings_a_registry_where_none_runs(
    tmp_path: Path, popen: Callable[..., Any], number: signal.Signals, left_running: Look
) -> None:
    running = start(popen, tmp_path, f"127.0.0.1:{free_port()}", "--port", "0")
    url = read_until(running, r"the console is at (\S+);")
    browser = Browser(url)
    assert browser.name == "Anna"
    assert browser.get("/api/v1/tasks") == []
    assert "<title>" in browser.page()
    os.killpg(running.pid, number)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert left_running(tmp_path) == []


def test_a_registry_elsewhere_has_to_run(tmp_path: Path, popen: Callable[..., Any]) -> None:
    running = start(popen, tmp_path, "registry.invalid:50050")
    _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1
    assert "no registry answers at registry.invalid:50050; name one that runs" in said


@pytest.mark.slow
def test_the_demo_opens_it_with_clips_that_wait(tmp_path: Path, popen: Callable[..., Any], left_running: Look) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "pipit.cli.demo", "--synthetic", "--json", "--console", "--state", str(state)]
    demo = popen(
        [*command, "--set", "epochs=1"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    result = read_json(demo.stdout)
    assert result["waiting"] > 20
    browser = Browser(result["console"])
    deadline = time.monotonic() + PATIENCE
    (task,) = browser.get("/api/v1/label")
    # Its answer waits for the index ten seconds at most.
    while task["examples"] < result["waiting"] and time.monotonic() < deadline:
        time.sleep(0.1)
        (task,) = browser.get("/api/v1/label")
    assert (task["task"], task["examples"]) == (TASK, result["waiting"])
    item = browser.get(f"/api/v1/label/{TASK}/queue?mode=all&count=1")["items"][0]
    assert item["version"] in ("1.0.0", "")  # "": hidden, for it was kept at random
    overview = browser.get("/api/v1/overview")
    assert [each["version"] for each in overview["tasks"] if each["task"] == TASK] == ["1.0.0"]
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0
    assert left_running(state) == []


def read_json(stream: Any) -> Any:
    """The one value on it, without waiting for its end."""
    text = ""
    for line in stream:
        text += line
        if line == "}\n":
            return json.loads(text)
    raise AssertionError(f"it ended before its result: {text[-1000:]}")
