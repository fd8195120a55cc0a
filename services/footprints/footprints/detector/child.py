"""Starts `ultralytics_job.py` in the environment that has ultralytics, and follows it.

ultralytics is AGPL-3.0, so it stays in a process and an environment of its own: JSON and files go between.

    job.json -> child: a line of JSON an event -> progress
                       everything else         -> log; its end is quoted where the child fails
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipit.errors import NotFound, PipitError
from pipit.files import write_atomically
from pipit.settings import Settings, load_settings

JOB = Path(__file__).with_name("ultralytics_job.py")
LOG_LINES = 15
"""Quoted of a log."""
PATIENCE = 20.0
"""Seconds that a child has to end after an interrupt."""

Event = Mapping[str, Any]


class DetectorSettings(Settings):
    """Where ultralytics is."""

    ultralytics_python: Path = Path(sys.prefix).parent / "detector-footprints" / "bin" / "python"
    """Python of the environment that has ultralytics. Default: the one that make puts beside the trainer's own."""


def interpreter() -> Path:
    """Python of the environment that has ultralytics. Raises NotFound that says how to make it."""
    python = load_settings(DetectorSettings).ultralytics_python
    if not python.is_file():
        raise NotFound(
            f"training the detector needs ultralytics, and there is no {python}; run `make setup-detector`, or name "
            "the Python of an environment that has it in PIPIT_ULTRALYTICS_PYTHON"
        )
    return python


def run_job(job: Mapping[str, Any], scratch: Path, on_event: Callable[[Event], None] = lambda _event: None) -> None:
    """Does one job and gives its events. job: see `ultralytics_job`; scratch: a folder for it.

    An interrupt, or any exception of `on_event`, ends the child first. Raises NotFound for no ultralytics,
    ExternalFailure with the log's end if the child fails.
    """
    scratch = scratch.resolve()  # ultralytics looks for what is relative in a place of its own.
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / f"{job['step']}.json"
    write_atomically(path, json.dumps({**job, "scratch": str(scratch)}, indent=1).encode())
    log = scratch / f"{job['step']}.log"
    # -P: modules that lie beside the job are not for it.
    with log.open("wb") as errors, _started([str(interpreter()), "-P", str(JOB), str(path)], errors) as child:
        assert child.stdout is not None
        for line in child.stdout:
            on_event(json.loads(line))
        code = child.wait()
    if code:
        raise ExternalFailure(f"ultralytics ended with code {code} ({job['step']}); the end of {log}:\n{_tail(log)}")


class ExternalFailure(PipitError):
    """A program that Pipit started did not do its work."""


@contextmanager
def _started(command: list[str], errors: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The child; it is no more at the end."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES:]) or "  (empty)"
