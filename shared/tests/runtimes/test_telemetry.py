"""ONNX Runtime reports nothing to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_onnx_runtime_has_no_number_to_report_under(tmp_path: Path) -> None:
    # Where it reports, it makes a number for this machine and keeps it in the user's cache, or warns that it can't.
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    folders = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")}
    command = [sys.executable, "-c", "import pipit.runtimes.onnx"]
    done = subprocess.run(command, env=environment | folders, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert list(tmp_path.rglob("*")) == []
