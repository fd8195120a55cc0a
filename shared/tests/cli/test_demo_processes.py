from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from pipit.cli.demo.processes import Servers, free_port, terminated_like_interrupted, wait_until_serving
from pipit.errors import Unavailable

WAITS = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


def wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + 30
    while text not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ends_what_it_started_the_last_one_first(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        first = servers.start("first one", [sys.executable, "-c", WAITS], {})
        second = servers.start("second one", [sys.executable, "-c", WAITS], {"COLOUR": "blue"})
        assert first.process.poll() is None
        wait_for(second.log, "ready")
        assert b"COLOUR=blue" in Path(f"/proc/{second.process.pid}/environ").read_bytes()
    assert first.process.returncode == second.process.returncode == -signal.SIGTERM
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first-one.log", "second-one.log"]


def test_ends_everything_when_something_goes_wrong(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        server = servers.start("a server", [sys.executable, "-c", WAITS], {})
        servers.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert server.process.returncode == -signal.SIGTERM


def test_kills_what_does_not_listen(tmp_path: Path) -> None:
    with Servers(tmp_path, grace=0.1) as servers:
        server = servers.start("a server", [sys.executable, "-c", STUBBORN], {})
        wait_for(server.log, "ready")
    assert server.process.returncode == -signal.SIGKILL


def test_a_server_that_dies_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        server = servers.start("a server", [sys.executable, "-c", "raise SystemExit('no such store')"], {})
        with pytest.raises(Unavailable, match=r"the a server ended with code 1(.|\n)*no such store"):
            wait_until_serving(server, f"127.0.0.1:{free_port()}", "", 60)


def test_a_server_that_never_answers(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        server = servers.start("a server", [sys.executable, "-c", WAITS], {})
        with pytest.raises(Unavailable, match=r"does not serve some\.task"):
            wait_until_serving(server, f"127.0.0.1:{free_port()}", "some.task", 0.3)


def test_sigterm_unwinds_like_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def be_terminated() -> None:
        with terminated_like_interrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        be_terminated()
    assert signal.getsignal(signal.SIGTERM) is before
