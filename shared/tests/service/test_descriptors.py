"""The limit of file descriptors, in a process of its own, whose limits nothing else needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_CHILD = """
import json, resource, sys
from structlog.testing import capture_logs
from pipit.service.descriptors import allow_connections

soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
with capture_logs() as logs:
    allow_connections(connections)
print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE)[0], [entry["advice"] for entry in logs]]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected", "advice"),
    [
        (256, 2048, 1024, 1536, []),
        (256, 1000, 1024, 1000, ["raise the limit of open files to 1536, or set max_connections to 488"]),
        (2000, 2048, 1024, 2000, []),
    ],
    ids=["raised as far as needed", "raised as far as possible", "enough already"],
)
def test_the_limit_is_raised_and_what_is_missing_is_said(
    soft: int, hard: int, connections: int, expected: int, advice: list[str]
) -> None:
    command = [sys.executable, "-c", _CHILD, str(soft), str(hard), str(connections)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [expected, advice]
