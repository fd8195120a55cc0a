from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Look = Callable[[Path], list[str]]

PATIENCE = 240.0
"""Seconds: a child whose server was ended hard hears of it a moment later."""


@pytest.fixture(scope="session")
def running() -> Look:
    """Command lines of processes, but for this one, with a setting that points into a folder."""

    def look(folder: Path) -> list[str]:
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and process.name != str(os.getpid()):
                try:
                    if str(folder).encode() in (process / "environ").read_bytes():
                        found.append((process / "cmdline").read_text("utf-8", "replace").replace("\0", " "))
                except OSError:  # another user's, or gone meanwhile
                    continue
        return found

    return look


@pytest.fixture(scope="session")
def left_running(running: Look) -> Look:
    """Of those, what does not end by itself."""

    def look(folder: Path) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while (left := running(folder)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    return look
