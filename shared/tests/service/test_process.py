"""Processes that end: with their parent, and with those who were started beside them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.errors import InvalidInput
from pipit.service.process import run
from pipit.service.settings import ServiceSettings

START = """
import multiprocessing, signal, sys, time
from pipit.logging import configure_logging
from pipit.service.process import end_with_parent
from pipit.serving.processes import _supervise

configure_logging(form="json")

def deaf(ready, limit):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if limit is not None:
        end_with_parent(lambda: print("told", flush=True), limit)
    ready.set()
    time.sleep(600)

def die():
    sys.exit(3)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
"""


@pytest.fixture
def start(tmp_path: Path, popen: Callable[..., Any]) -> Callable[[str], Any]:
    def start_script(body: str) -> Any:
        script = tmp_path / "script.py"
        script.write_text(START + textwrap.indent(textwrap.dedent(body), "    "))
        return popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start_script


def test_a_child_that_can_not_stop_does_not_outlive_its_parent(start: Callable[[str], Any]) -> None:
    parent = start(
        """
        context.Process(target=deaf, args=(ready, 0.1)).start()
        ready.wait()
        print("ready", flush=True)
        """
    )
    assert parent.stdout.readline() == "ready\n"
    parent.send_signal(signal.SIGKILL)
    said, log = parent.communicate()
    assert said == "told\n"
    # Python's tracker of semaphores may complain of the killed parent, too, in two lines of text.
    logged = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [entry["event"] for entry in logged] == ["parent_gone"]


def test_of_several_one_that_can_not_stop_is_killed(start: Callable[[str], Any]) -> None:
    parent = start(
        """
        children = [context.Process(target=deaf, args=(ready, None), name="deaf"), context.Process(target=die)]
        children[0].start()
        ready.wait()
        children[1].start()
        print(_supervise(children, 0.1), [child.exitcode for child in children])
        """
    )
    said, log = parent.communicate()
    assert said == f"1 [{-signal.SIGKILL}, 3]\n"
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["process_died", "process_killed"]


def test_what_keeps_a_server_from_starting_is_one_line_and_a_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def load() -> ServiceSettings:
        raise InvalidInput("set another port")

    assert run(load, lambda settings: 0) == 1
    assert capfd.readouterr().err == "error: set another port\n"
