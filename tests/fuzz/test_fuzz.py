"""A short run of every harness: the same inputs each time. Long runs are for people; see fuzz.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 alone")

HERE = Path(__file__).parent
RUNS = {
    "picture": 2_000,
    "sound": 4_000,
    "request": 20_000,
    "open_inference": 20_000,
    "manifest": 500,
    "plain_yaml": 2_000,
}
PATIENCE = 200
"""Seconds for one input, of which each takes milliseconds; two cores may be busy, or stand still for a while."""


@pytest.mark.parametrize("target", RUNS)
def test_nothing_but_errors_of_ours(target: str, tmp_path: Path) -> None:
    seeds = HERE / "corpus" / target
    assert list(seeds.iterdir())
    # Linux counts to a process what its parent had when it began, and libFuzzer looks at that; a shell in between is
    # small.
    between = ["sh", "-c", '"$@"; exit $?', "sh"]
    done = subprocess.run(
        [
            *(*between, sys.executable, HERE / "fuzz.py", target),
            *("-seed=1", f"-runs={RUNS[target]}", f"-timeout={PATIENCE}", tmp_path, seeds),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert f"Done {RUNS[target]} runs" in done.stderr
