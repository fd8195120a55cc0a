"""Questions to Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pipit.errors import Unavailable

_SECONDS = (1.0, 4.0)
"""To connect, and to answer."""


@dataclass(frozen=True, slots=True)
class Series:
    """points: by seconds since 1970; of an instant query one. What is no number is left out."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """Threads share it."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def query(self, expression: str) -> tuple[Series, ...]:
        """The values now. Raises Unavailable."""
        return self._ask("query", {"query": expression})

    def query_range(self, expression: str, end: float, seconds: float, step: float) -> tuple[Series, ...]:
        """`seconds` up to `end`, one value each `step` seconds. Raises Unavailable."""
        return self._ask("query_range", {"query": expression, "start": end - seconds, "end": end, "step": step})

    def _ask(self, what: str, parameters: Mapping[str, str | float]) -> tuple[Series, ...]:
        try:
            answer = requests.get(f"{self._address}/api/v1/{what}", params=dict(parameters), timeout=_SECONDS)
            document = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable(
                f"Prometheus at {self._address} does not answer ({type(error).__name__}); look whether it runs, and at "
                "PIPIT_CONSOLE_PROMETHEUS"
            ) from error
        if not isinstance(document, dict) or document.get("status") != "success":
            raise Unavailable(f"Prometheus at {self._address} answers {answer.status_code} and no numbers")
        return tuple(_series(entry) for entry in document["data"]["result"])


def _series(entry: Mapping[str, Any]) -> Series:
    raw = entry.get("values") or [entry["value"]]
    points = ((float(at), float(value)) for at, value in raw)
    return Series(entry["metric"], tuple((at, value) for at, value in points if math.isfinite(value)))
