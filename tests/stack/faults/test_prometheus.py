"""Prometheus misses a server that is stopped. It crashes: what it measured is kept, and it measures on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pipit.deployment import read_domains

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

REPOSITORY = Path(__file__).parents[3]
SERVER_STARTED = 'process_start_time_seconds{instance=~"home-security.*"}'


@pytest.fixture
def another() -> str:
    """A server that no other test needs while this one runs."""
    return next(domain.name for domain in read_domains(REPOSITORY) if domain.package != "home_security")


def test_a_server_that_is_stopped_counts_as_down(stack: Any, another: str) -> None:
    # Docker's DNS forgets it; the alert ServerDown needs it all the same.
    assert stack.compose("stop", another).returncode == 0
    try:
        stack.wait(lambda: stack.measured(f'up{{job="inference", instance="{another}:9464"}} == 0'), "it is missed")
    finally:
        stack.compose("start", another)
    stack.wait(lambda: stack.measured(f'up{{job="inference", instance="{another}:9464"}} == 1'), "it is back")


def samples(stack: Any) -> list[list[Any]]:
    """Time and value of each scrape of the server in the last day: the tests may take longer than an hour."""
    (series,) = stack.measured(f"{SERVER_STARTED}[1d]")
    return list(series["values"])


def test_it_crashes(stack: Any) -> None:
    stack.wait(lambda: len(samples(stack)) >= 2, "Prometheus has scraped the server")
    before = samples(stack)
    stack.crash("prometheus")
    stack.wait_until_healthy("prometheus")
    stack.wait(lambda: len(samples(stack)) > len(before), "it knows what it knew, and scrapes on")
    assert samples(stack)[: len(before)] == before
