"""What Grafana would ask, asked of a real Prometheus that scraped a real stack under load."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from dashboard_queries import DASHBOARDS, choices, panels, query_of, selected, substitute
from running_stack import DEVICES, TASK, Stack

pytestmark = pytest.mark.slow
LAST_REPORTS = "device:pipit_device_last_report_seconds:min"


def numbers(series: list[dict[str, Any]]) -> list[float]:
    pairs = [pair for one in series for pair in one.get("values", [one.get("value")])]
    return [value for _, text in pairs if math.isfinite(value := float(text))]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_has_something_to_show(stack: Stack, name: str) -> None:
    dashboard = DASHBOARDS[name]
    values = selected(dashboard, choices(dashboard, stack.prometheus))
    if name == "device":
        values["instance"] = "kitchen:9464"
    empty = []
    for panel in panels(dashboard):
        for target in panel["targets"]:
            query = query_of(target, f"{panel['title']} {target['refId']}")
            expression = substitute(query.expression, values)
            if query.instant:
                found = stack.query(expression)
            else:
                found = stack.prometheus.query_range(expression, stack.begun, time.time(), 1)
            if not numbers(found):
                empty.append(f"{query.place}: {expression}")
    assert not empty, "\n".join(empty)


def test_variables_offer_what_runs(stack: Stack) -> None:
    offered = {name: choices(dashboard, stack.prometheus) for name, dashboard in DASHBOARDS.items()}
    assert offered["task"]["task"] == [TASK]
    assert set(offered["task"]["version"]) == {"1.0.0", "2.0.0"}
    assert set(offered["device"]["instance"]) == {f"{device}:9464" for device in DEVICES}


def test_numbers_are_those_of_the_traffic(stack: Stack) -> None:
    def value(expression: str) -> float:
        (series,) = stack.query(expression)
        return float(series["value"][1])

    # Ranks of one histogram, and a run of this network takes more than a tenth of a millisecond on any machine.
    at = f'{{task="{TASK}", version="2.0.0"}}'
    p50, p95, p99 = (value(f"task_version:pipit_request_seconds:{name}_5m{at}") for name in ("p50", "p95", "p99"))
    assert 0.0001 < p50 <= p95 <= p99
    # Every refusal has its status.
    codes = {series["metric"]["code"] for series in stack.query("sum by (code) (pipit_requests_total > 0)")}
    assert codes >= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}
    assert 0 < value(f'task:pipit_requests_failed:ratio_rate5m{{task="{TASK}"}}') < 1
    assert 0 < value(f'task:pipit_requests_refused:ratio_rate5m{{task="{TASK}"}}') < 1
    assert 0 <= value(f"task_version:pipit_score:drift_1h{at}") <= 1
    assert value("sum(pipit_registry_published_total)") == 2
    moves = stack.query("sum by (action) (pipit_registry_moves_total)")
    assert {series["metric"]["action"]: float(series["value"][1]) for series in moves} == {"promote": 2.0, "stop": 1.0}
    active = [series["metric"] for series in stack.query("pipit_model_active_info")]
    assert {(one["device"], one["version"], one["variant"]) for one in active} == {
        ("kitchen", "2.0.0", "int8"),
        ("garage", "2.0.0", "int8"),
    }


def test_rollouts_are_measured_as_they_went(stack: Stack) -> None:
    asked = stack.query("sum by (verdict, rule) (pipit_rollout_verdicts_total)")
    counted = {(one["metric"]["verdict"], one["metric"]["rule"]): float(one["value"][1]) for one in asked}
    assert counted == {("succeeded", "watched"): 1.0, ("aborted", "operator"): 1.0}
    (last,) = (one["metric"] for one in stack.query("pipit_rollout_last_verdict_info"))
    assert (last["task"], last["environment"], last["verdict"], last["rule"]) == (
        *(TASK, "production"),
        *("aborted", "operator"),
    )
    assert last["sentence"].endswith("for the test")
    # None is open any more, so that nothing is said of one.
    assert not stack.query("pipit_rollout_info or pipit_rollout_stage or pipit_rollout_devices")
    silent = {one["metric"]["device"]: float(one["value"][1]) for one in stack.query(LAST_REPORTS)}
    assert silent.keys() == set(DEVICES)
    assert max(silent.values()) < 60.0
    (online,) = stack.query('pipit_registry_devices{online="yes"}')
    assert float(online["value"][1]) == len(DEVICES)


def test_the_device_without_a_model_raises_its_alert_and_no_other(stack: Stack) -> None:
    firing = 'ALERTS{alertstate="firing", instance="attic:9464", alertname'
    stack.wait_for(f'{firing}="DeviceWithoutModel"}}')
    # None that lasts: on a busy machine a look may take longer than its second, and the server counts as down.
    stack.wait_for(f'absent({firing}!~"DeviceWithoutModel|ErrorShare"}})')


def test_rules_evaluate_without_errors(stack: Stack) -> None:
    health = [rule for group in stack.prometheus.rules() for rule in group["rules"]]
    assert len(health) >= 30
    assert {rule["health"] for rule in health} == {"ok"}
