"""Prometheus crashes: what it measured is kept, and it measures on."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

SERVER_STARTED = 'process_start_time_seconds{instance=~"home-security.*"}'


def samples(stack: Any) -> list[list[Any]]:
    """Time and value of each scrape of the server in the last hour."""
    (series,) = stack.measured(f"{SERVER_STARTED}[1h]")
    return list(series["values"])


def test_it_crashes(stack: Any) -> None:
    stack.wait(lambda: len(samples(stack)) >= 2, "Prometheus has scraped the server")
    before = samples(stack)
    stack.crash("prometheus")
    stack.wait_until_healthy("prometheus")
    stack.wait(lambda: len(samples(stack)) > len(before), "it knows what it knew, and scrapes on")
    assert samples(stack)[: len(before)] == before
