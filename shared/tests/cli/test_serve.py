from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle import Bundle
from pipit.cli.exit_codes import ExitCode


def test_serves_a_bundle_until_it_is_told_to_stop(
    pipit: Any,
    make_bundle: Callable[..., Bundle],
    write_tone: Callable[..., Path],
    small_site: Path,
    tmp_path: Path,
    popen: Callable[..., Any],
) -> None:
    run = tmp_path / "run"
    (run / "publish").mkdir(parents=True)
    make_bundle().path.rename(run / "publish" / "bundle")
    command = [sys.executable, "-m", "pipit.cli.main", "serve", "--bundle", str(run)]
    environment = {**os.environ, "PYTHONPATH": str(small_site), "PIPIT_SERVING_LOG_FORMAT": "json"}
    command += ["--port", "0", "--metrics-port", "0"]
    server = popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    # The two come in either order.
    port, active = "", False
    while not (port and active):
        line = server.stderr.readline()
        assert line, "the server ended"
        found = re.search(r'"port": (\d+)', line)
        port = found[1] if found else port
        active = active or "model_active" in line
    called = pipit("classify", write_tone("a.wav", (1, 0.5)), "--server", f"127.0.0.1:{port}", "--json")
    assert called.json()[0]["predictions"][0]["scores"][0]["label"] == "loud"
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0


@pytest.mark.parametrize("arguments", [[], ["home_security.sounds", "--bundle", "somewhere"]])
def test_wants_tasks_or_bundles(pipit: Any, arguments: list[str]) -> None:
    called = pipit("serve", *arguments)
    assert called.code == ExitCode.BAD_INPUT
    assert "not both" in called.err


def test_a_folder_without_a_bundle(pipit: Any, tmp_path: Path) -> None:
    called = pipit("serve", "--bundle", tmp_path, "--port", "0", "--metrics-port", "0")
    assert called.code == ExitCode.NOT_FOUND
    assert "bundle.yaml" in called.err


def test_a_gallery_key_that_is_not_there(pipit: Any, make_bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    arguments = ("--bundle", make_bundle().path, "--port", "0", "--metrics-port", "0")
    called = pipit("serve", *arguments, "--gallery-key", tmp_path / "none.key")
    assert called.code == ExitCode.NOT_FOUND
    assert "there is no gallery key at" in called.err
    assert "pipit keys gallery" in called.err
