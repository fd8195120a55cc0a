from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pipit.training.native_lines import without_chatter

START_UP = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795876006.640643   28460 port.cc:153] oneDNN custom operations are on.\n"
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
)


def test_start_up_lines_are_dropped_and_all_others_follow(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        os.write(2, START_UP + b"E0000 00:00:1 2 file.cc:3] out of memory\nan error of ours\n")
    os.write(2, b"later\n")

    assert capfd.readouterr().err == "E0000 00:00:1 2 file.cc:3] out of memory\nan error of ours\nlater\n"


def test_what_was_written_before_an_error_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"why it failed\n")
        raise RuntimeError

    with pytest.raises(RuntimeError), without_chatter():
        fail()

    assert capfd.readouterr().err == "why it failed\n"


@pytest.mark.parametrize("task", ["home_security.sounds"])
def test_a_trainer_that_uses_tensorflow_starts_without_a_word(task: str) -> None:
    pytest.importorskip("tensorflow")
    program = f"from pipit.training.trainer import load_trainer; load_trainer({task!r}); print('loaded')"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)

    assert (found.stdout, found.stderr) == ("loaded\n", "")
