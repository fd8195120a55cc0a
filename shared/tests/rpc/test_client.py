from __future__ import annotations

import subprocess
import sys

_CLOSED = """
from pipit.examples.client import ExampleClient
raised = 0
for _ in range(200):
    client = ExampleClient("127.0.0.1:1", "a-token", timeout=1.0)
    client.close()
    for call in (client.list_consents, lambda: client.read_content("test.a", "20261129-" + "0" * 32)):
        try:
            call()
        except ValueError:
            raised += 1
print(raised)
"""


def test_a_call_on_a_channel_that_another_thread_has_closed_ends_no_process() -> None:
    # In a process of its own, which grpcio used to end by a segmentation fault.
    ended = subprocess.run([sys.executable, "-c", _CLOSED], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "400"), ended.stderr
