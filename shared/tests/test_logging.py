"""Lines stay whole, however many processes write them at once."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.logging import LineLogger

LINES = 60
WRITER = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from pipit.logging import configure_logging, get_logger

configure_logging(form="json")
log = get_logger("test")
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(2) as pool:
    list(pool.map(lambda number: log.info("said", number=number, text=sys.argv[1] * (200 * number)), range({LINES})))
"""


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_lines_of_several_processes_do_not_mix(tmp_path: Path, popen: Callable[..., Any], kind: str) -> None:
    out = tmp_path / "log"
    out.touch()
    reader, writer = os.pipe() if kind == "pipe" else (os.open(out, os.O_RDONLY), os.open(out, os.O_WRONLY))
    writers = [
        popen([sys.executable, "-c", WRITER, letter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writer)
        for letter in "abcd"
    ]
    os.close(writer)
    for process in writers:
        assert process.stdout.readline() == b"ready\n"
    for process in writers:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    if kind == "file":
        assert [process.wait() for process in writers] == [0] * 4
    with os.fdopen(reader, encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    assert [process.wait() for process in writers] == [0] * 4
    expected = sorted((letter * (200 * number), number) for letter in "abcd" for number in range(LINES))
    assert sorted((entry["text"], entry["number"]) for entry in entries) == expected


def test_a_device_that_somebody_else_has_locked_is_written_to(popen: Callable[..., Any]) -> None:
    reader, terminal = os.openpty()
    hold = "import fcntl, sys; fcntl.lockf(2, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    holder = popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=terminal)
    assert holder.stdout.readline() == b"held\n"
    with os.fdopen(terminal, "w") as stream:
        LineLogger(stream).msg("said")
        assert os.read(reader, 100) == b"said\r\n"
    os.close(reader)


def test_a_stream_without_a_descriptor_gets_the_line() -> None:
    stream = io.StringIO()
    LineLogger(stream).msg("said")
    assert stream.getvalue() == "said\n"


def test_what_can_not_be_encoded_is_shown(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        LineLogger(stream).msg("half of a pair: \ud800")
    assert (tmp_path / "log").read_bytes() == b"half of a pair: \\ud800\n"


def test_a_log_that_nobody_reads_any_more_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        LineLogger(stream).msg("to nobody")
