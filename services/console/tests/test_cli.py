from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from model_registry.server import RegistryServer
from pipit.cli.exit_codes import ExitCode
from pipit.cli.main import app
from typer.testing import CliRunner


def test_without_a_registry_it_says_what_to_do() -> None:
    done = CliRunner().invoke(app, ["console", "--registry", "127.0.0.1:1"])
    assert (done.exit_code, "pipit registry serve" in done.stderr) == (ExitCode.UNAVAILABLE, True)


def test_it_runs_beside_a_registry_until_it_is_told_to_end(registry: RegistryServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipit.cli.main", "console", "--registry", f"127.0.0.1:{registry.port}"]
    environment = {**os.environ, "PIPIT_CONSOLE_CACHE_DIR": str(tmp_path)}
    with subprocess.Popen(
        [*command, "--port", "0", "--metrics-port", "0"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "the console is at" in line)
        url = line.split("the console is at ")[1].split(";")[0]
        assert httpx.get(f"{url}readyz", timeout=60.0).text == "ok\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
