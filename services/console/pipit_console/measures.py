"""What Prometheus measured of tasks, by the recording rules of compose/prometheus/rules."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipit_console.comparing import latency_pair
from pipit_console.models.bundles import LatencyPair
from pipit_console.prometheus import Prometheus, Series

_RATE = "task_version:pipit_requests_answered:rate5m"
_UNKNOWN = "task_version:pipit_unknown:ratio_rate1h"
_P95 = "task_version:pipit_request_seconds:p95_5m"
_FALSE_ALARMS = "task_version:pipit_false_alarms:increase1h"
_HOUR, _STEP = 3600.0, 60.0
_ByVersion = dict[tuple[str, str], float]
_Curve = dict[float, float]
_LATENCY_DAYS = 7


@dataclass(frozen=True, slots=True)
class Measures:
    """By task and version. Seconds, shares, a second, an hour; what was not measured is not there."""

    rate: _ByVersion = field(default_factory=dict)
    unknown: _ByVersion = field(default_factory=dict)
    p95: _ByVersion = field(default_factory=dict)
    false_alarms: _ByVersion = field(default_factory=dict)
    curves: Mapping[str, Mapping[tuple[str, str], _Curve]] = field(default_factory=dict)

    def history(self, task: str, version: str) -> list[tuple[float, float | None, float | None, float | None]] | None:
        """Of the last hour; see `Tile`. None: nothing was measured."""
        key = task, version
        rate, unknown, p95 = (self.curves.get(rule, {}).get(key, {}) for rule in (_RATE, _UNKNOWN, _P95))
        times = sorted({*rate, *unknown, *p95})
        return [
            (at, rate.get(at), unknown.get(at), None if at not in p95 else 1000.0 * p95[at]) for at in times
        ] or None


def measure(prometheus: Prometheus) -> Measures:
    """Of every task. Raises Unavailable."""
    # One for all curves, so that they have the same times, and a whole step, so that those stay until the next one.
    end = math.floor(time.time() / _STEP) * _STEP
    return Measures(
        rate=_values(prometheus.query(_RATE)),
        unknown=_values(prometheus.query(_UNKNOWN)),
        p95=_values(prometheus.query(_P95)),
        false_alarms=_values(prometheus.query(_FALSE_ALARMS)),
        curves={rule: _curves(prometheus.query_range(rule, end, _HOUR, _STEP)) for rule in (_RATE, _UNKNOWN, _P95)},
    )


def latency_by_board(prometheus: Prometheus, boards: Mapping[str, str], task: str, a: str, b: str) -> list[LatencyPair]:
    """Mean seconds of the answers of the last week. boards: by device. Raises Unavailable."""
    # A task's name and a semantic version hold nothing that a string of PromQL would end at.
    span, of_task = f"[{_LATENCY_DAYS}d]", f'task="{task}"'
    instances = prometheus.query(
        f"max by (instance, device) (max_over_time(pipit_model_active_info{{{of_task}}}{span}))"
    )
    board_of = {
        each.labels.get("instance", ""): boards.get(each.labels.get("device", ""), "unknown") for each in instances
    }
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: {a: [0.0, 0.0], b: [0.0, 0.0]})
    for place, kind in enumerate(("sum", "count")):
        total = f"increase(pipit_request_seconds_{kind}{{{of_task}}}{span})"
        for each in prometheus.query(f"sum by (instance, version) ({total})"):
            board, version = board_of.get(each.labels.get("instance", ""), "unknown"), each.labels.get("version", "")
            if version in (a, b) and each.points:
                found[board][version][place] += each.points[-1][1]
    return [latency_pair(board, _mean(arms[a]), _mean(arms[b])) for board, arms in sorted(found.items())]


def _mean(sum_and_count: list[float]) -> tuple[float, float]:
    total, count = sum_and_count
    return (total / count if count else 0.0), count


def _values(series: tuple[Series, ...]) -> _ByVersion:
    return {_key(each): each.points[-1][1] for each in series if each.points}


def _curves(series: tuple[Series, ...]) -> dict[tuple[str, str], _Curve]:
    return {_key(each): dict(each.points) for each in series if each.points}


def _key(series: Series) -> tuple[str, str]:
    return series.labels.get("task", ""), series.labels.get("version", "")
