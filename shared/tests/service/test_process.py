"""A server as a process."""

from __future__ import annotations

import pytest
from pipit.errors import InvalidInput
from pipit.service.process import run
from pipit.service.settings import ServiceSettings


def test_what_keeps_a_server_from_starting_is_one_line_and_a_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def load() -> ServiceSettings:
        raise InvalidInput("set another port")

    assert run(load, lambda settings: 0) == 1
    assert capfd.readouterr().err == "error: set another port\n"
