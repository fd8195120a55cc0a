"""Prometheus crashes: what it measured is kept, and it measures on."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

SERVER_STARTED = 'process_start_time_seconds{instance=~"home-security.*"}'


def ask(stack: Any, query: str) -> list[Any]:
    port = stack.ports["PIPIT_PROMETHEUS_PORT"]
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=20) as answer:
        return list(json.load(answer)["data"]["result"])


def samples(stack: Any) -> list[list[Any]]:
    """Time and value of each scrape of the server in the last hour."""
    (series,) = ask(stack, f"{SERVER_STARTED}[1h]")
    return list(series["values"])


def test_it_crashes(stack: Any) -> None:
    stack.wait(lambda: len(samples(stack)) >= 2, "Prometheus has scraped the server")
    before = samples(stack)
    stack.crash("prometheus")
    stack.wait_until_healthy("prometheus")
    stack.wait(lambda: len(samples(stack)) > len(before), "it knows what it knew, and scrapes on")
    assert samples(stack)[: len(before)] == before
