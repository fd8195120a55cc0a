"""The registry goes: servers answer on, and start again from their caches."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400), pytest.mark.usefixtures("knowledge")]

REGISTRY = "PIPIT_REGISTRY_PORT"


def test_it_crashes(stack: Any, answering: Any, follows: Any) -> None:
    with answering():
        stack.crash("registry")
        stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry is ready again")
    follows()


def test_it_is_away_for_a_while(stack: Any, answering: Any, follows: Any, restart_server: Any) -> None:
    with answering():
        stack.compose("stop", "registry")
    restart_server()
    with answering():
        stack.compose("start", "registry")
        stack.wait_until_healthy("registry")
    follows()
