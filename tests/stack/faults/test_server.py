"""An inference server dies in the middle of a stream, or has no room for the next version."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pipit.errors import Unavailable
from pipit.inputs import PcmAudio

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400), pytest.mark.usefixtures("knowledge")]

TASK = "home_security.sounds"
RATE = 22_050
SMALL = "PIPIT_SMALL_DISK_PORT"
FILL = """
import os
file = os.open("/var/lib/pipit/cache/filler", os.O_CREAT | os.O_WRONLY)
try:
    while os.write(file, bytes(4096)):
        pass
except OSError as error:
    print(os.strerror(error.errno))
"""


def test_it_crashes_in_the_middle_of_a_stream(stack: Any, tone: Callable[[int], bytes], follows: Any) -> None:
    before = stack.serving()
    second = PcmAudio(np.frombuffer(tone(RATE), "<i2").reshape(-1, 1).astype(np.float32) / np.float32(32_768), RATE)
    crashed = threading.Event()
    answers = []

    def recording() -> Iterator[PcmAudio]:
        while not crashed.is_set():
            yield second

    def listen() -> None:
        with stack.server() as server:
            for answer in server.stream(recording()):
                answers.append(answer)
                if len(answers) == 1:
                    stack.crash("home-security")
                    crashed.set()

    with pytest.raises(Unavailable):
        listen()
    assert {answer.model.digest for answer in answers} == {before}
    stack.wait(lambda: stack.serving() == before, "the server answers again")
    with stack.server() as server:
        again = list(server.stream([second] * 10))
    assert again
    assert {answer.model.digest for answer in again} == {before}
    follows()


def test_the_disk_of_its_cache_is_full(stack: Any, digests: dict[str, str], follows: Any) -> None:
    with stack.registry() as registry:
        (environment,) = registry.list_versions(TASK).environments
    (other,) = set(digests) - {environment.version}
    stack.wait(lambda: stack.serving(SMALL) == environment.digest, "the server with the small disk answers")
    stack.compose("exec", "-T", "small-disk", "sh", "-c", f"rm -rf /var/lib/pipit/cache/bundles/{digests[other]}")
    assert stack.compose("exec", "-T", "small-disk", "python", "-c", FILL).stdout.strip() == "No space left on device"
    with stack.registry() as registry:
        registry.promote(TASK, other, "production", "while a disk is full", override_gates=True)
    stack.wait(lambda: stack.serving() == digests[other], "the server that has room follows")
    stack.wait(lambda: "No space left" in stack.model(SMALL).reason, "the other one says why it does not")
    assert stack.serving(SMALL) == environment.digest
    stack.compose("exec", "-T", "small-disk", "rm", "/var/lib/pipit/cache/filler")
    stack.wait(lambda: stack.serving(SMALL) == digests[other], "it follows once there is room")
    follows(SMALL)
