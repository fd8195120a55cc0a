"""How many instructions Pipit's own part of an empty call takes: no timing, so that a busy machine changes nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COUNTED = Path(__file__).with_name("instructions.txt")
"""The figure that is held, of one call. Python 3.11 on x86-64, numpy and protobuf of the lock."""
BOUND = 0.15
CALLS = 500

needs_valgrind = pytest.mark.skipif(
    shutil.which("callgrind_control") is None or sys.version_info[:2] != (3, 11) or platform.machine() != "x86_64",
    reason="counts are held for Python 3.11 on x86-64, under valgrind (Debian: valgrind; .ci/packages installs it)",
)


def instructions(calls: int) -> float:
    """Of one call, on average of so many."""
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"]
    script = [sys.executable, str(Path(__file__).with_name("calls.py"))]
    # Hashes that change from run to run change the order, and so the length, of some look-ups.
    with subprocess.Popen(
        [*command, *script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    ) as process:

        def answer(number: int) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            return process.stdout.readline()

        def count(on: str) -> None:
            subprocess.run(["callgrind_control", "-i", on, str(process.pid)], check=True, capture_output=True)

        # Until everything has been called once, and Python has specialised its bytecode.
        assert answer(200) == "nothing 200\n"
        count("on")
        assert answer(calls) == f"nothing {200 + calls}\n"
        count("off")
        _, said = process.communicate()
    assert process.returncode == 0, said
    found = re.search(r"Collected : (\d+)", said)
    assert found is not None, said
    return int(found[1]) / calls


@needs_valgrind
def test_a_call_takes_no_more_instructions_than_before() -> None:
    held, counted = float(COUNTED.read_text()), instructions(CALLS)
    assert counted <= held * (1 + BOUND), (
        f"an empty call takes {counted:,.0f} instructions, {counted / held - 1:+.0%} of the {held:,.0f} that are held: "
        f"find what was added on its way (tests/load/bench_call_parts.py times the parts); if it has to be, write the "
        f"new number into {COUNTED.name}"
    )
    assert counted >= held * (1 - BOUND), (
        f"an empty call takes {counted:,.0f} instructions only, {counted / held - 1:+.0%}: write that into "
        f"{COUNTED.name}, so that it stays so"
    )


if __name__ == "__main__":
    print(round(instructions(CALLS)))  # noqa: T201
