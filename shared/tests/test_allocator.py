"""Memory that a request gave back waits for the next one."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys, threading
import numpy as np
from pipit.allocator import keep_freed_memory

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: a huge page would be one fault

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt

def request():
    return len([np.ones(90_000) for _ in range(4)])  # 2.9 MB, given back at once

def work():
    for _ in range(5):
        request()
    before = faults()
    for _ in range(20):
        request()
    print((faults() - before) // 20)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def run(code: str, *arguments: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, env=environment | variables, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_pages_that_a_request_gave_back_are_those_of_the_next() -> None:
    pages = 4 * 720_000 // resource.getpagesize()
    assert int(run(FAULTS, "as it comes")) > 0.4 * pages
    assert int(run(FAULTS, "kept")) < 10


@pytest.mark.parametrize(
    "variable", [{"MALLOC_ARENA_MAX": "4"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}]
)
def test_what_somebody_chose_by_hand_stays(variable: dict[str, str]) -> None:
    assert run("from pipit.allocator import *; print(keep_freed_memory())") == "True"
    assert run("from pipit.allocator import *; print(keep_freed_memory())", **variable) == "False"
