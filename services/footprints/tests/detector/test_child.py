from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from footprints.detector import child
from footprints.detector.child import ExternalFailure, run_job
from pipit.errors import NotFound


@pytest.fixture
def job_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of ours in the place of the job, run by this Python."""
    path = tmp_path / "job.py"
    monkeypatch.setattr(child, "JOB", path)
    monkeypatch.setenv("PIPIT_ULTRALYTICS_PYTHON", sys.executable)
    return path


def test_without_ultralytics_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPIT_ULTRALYTICS_PYTHON", str(tmp_path / "none"))
    with pytest.raises(NotFound, match=r"make setup-detector.*PIPIT_ULTRALYTICS_PYTHON"):
        run_job({"step": "fit"}, tmp_path)


def test_events_come_through_and_talk_goes_to_the_log(job_file: Path, tmp_path: Path) -> None:
    job_file.write_text(
        "import json, sys\n"
        "job = json.load(open(sys.argv[1]))\n"
        "print('talk', file=sys.stderr)\n"
        "print(json.dumps({'event': 'batch', 'epoch': job['epochs']}))\n"
    )
    events: list[object] = []
    run_job({"step": "fit", "epochs": 3}, tmp_path / "scratch", events.append)
    assert events == [{"event": "batch", "epoch": 3}]
    assert (tmp_path / "scratch/fit.log").read_text() == "talk\n"


def test_a_failure_quotes_the_end_of_the_log(job_file: Path, tmp_path: Path) -> None:
    job_file.write_text("import sys\nfor n in range(40): print(f'line {n}.', file=sys.stderr)\nsys.exit(3)\n")
    with pytest.raises(ExternalFailure, match=r"ended with code 3 \(fit\)") as raised:
        run_job({"step": "fit"}, tmp_path / "scratch")
    assert "line 39." in str(raised.value)
    assert "line 24." not in str(raised.value)


def test_an_interrupt_ends_the_child(job_file: Path, tmp_path: Path) -> None:
    job_file.write_text(
        "import json, os, time\nprint(json.dumps({'event': 'pid', 'pid': os.getpid()}), flush=True)\ntime.sleep(600)\n"
    )
    seen: list[int] = []

    def stop(event: child.Event) -> None:
        seen.append(event["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job({"step": "fit"}, tmp_path / "scratch", stop)
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)


@pytest.mark.slow
def test_the_job_ends_when_its_parent_is_gone(ultralytics: Path, tmp_path: Path) -> None:
    """The parent is killed outright: nobody is left to end the child but itself."""
    job = tmp_path / "predict.json"
    job.write_text(f'{{"step": "predict", "scratch": "{tmp_path}", "weights": "none.pt"}}')
    pipe_read, pipe_write = os.pipe()
    with subprocess.Popen(
        [str(ultralytics), "-P", str(child.JOB), str(job)],
        stdin=pipe_read,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(pipe_read)
        os.close(pipe_write)
        assert process.wait(60) == 130


def test_the_job_imports_nothing_of_pipit() -> None:
    lines = [line.split() for line in child.JOB.read_text().splitlines()]
    imported = {words[1].split(".")[0] for words in lines if words[:1] in (["import"], ["from"])}
    assert {"ultralytics", "torch"} <= imported
    assert not imported & {"pipit", "footprints"}
