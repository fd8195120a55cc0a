"""Rules, alerts and dashboards name nothing that metrics.yaml, or Prometheus itself, does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from dashboard_queries import DASHBOARDS, LEGEND_LABEL, queries, substitute, variables
from pipit.metrics import metric_definitions
from prometheus_server import COMPOSE

SCRAPED = {"job", "instance"}
"""Labels that Prometheus gives to everything it scrapes."""
BUILT_IN = {"up": SCRAPED, "ALERTS": {"alertname", "alertstate", "severity", "task", "version", "device"} | SCRAPED}
ANY = {"task": "any", "version": "any", "instance": "any"}


def rules() -> list[dict[str, Any]]:
    files = [COMPOSE / "prometheus/rules" / name for name in ("recording.yml", "alerts.yml")]
    return [
        rule for file in files for group in yaml.safe_load(file.read_text("utf-8"))["groups"] for rule in group["rules"]
    ]


def listed() -> dict[str, set[str]]:
    """Labels by name of series."""
    series = dict(BUILT_IN)
    for metric in metric_definitions():
        labels = set(metric.labels) | SCRAPED
        if metric.type == "histogram":
            series |= {f"{metric.name}_bucket": labels | {"le"}, f"{metric.name}_sum": labels}
            series[f"{metric.name}_count"] = labels
        else:
            series[metric.name] = labels
    for rule in rules():
        if "record" in rule:
            series[rule["record"]] = labels_of(rule["record"])
    return series


def labels_of(record: str) -> set[str]:
    """Of a recorded series: its name begins with them."""
    return set(record.partition(":")[0].split("_"))


SERIES = listed()


def parts(node: Any) -> Iterator[Any]:
    """An expression and everything in it."""
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if getattr(node, name, None) is not None and not callable(getattr(node, name)):
            yield from parts(getattr(node, name))
    for argument in getattr(node, "args", ()):
        yield from parts(argument)


def selectors(expression: str) -> list[Any]:
    found = [part for part in parts(promql_parser.parse(expression)) if isinstance(part, promql_parser.VectorSelector)]
    assert found, expression
    return found


def grouped(expression: str) -> Iterator[set[str]]:
    """Labels that an aggregation keeps, or that two sides are matched on."""
    for part in parts(promql_parser.parse(expression)):
        modifier = getattr(part, "modifier", None)
        if isinstance(part, promql_parser.AggregateExpr) and modifier is not None:
            yield set(modifier.labels)
        elif isinstance(part, promql_parser.BinaryExpr) and modifier is not None and modifier.matching is not None:
            yield set(modifier.matching.labels)


def everything() -> Iterator[Any]:
    for rule in rules():
        yield pytest.param(rule["expr"], id=rule.get("record") or rule["alert"])
    for query in queries():
        yield pytest.param(substitute(query.expression, ANY), id=query.place)
    for name, dashboard in DASHBOARDS.items():
        for variable, selector, _ in variables(dashboard):
            yield pytest.param(substitute(selector, ANY), id=f"{name} ${variable['name']}")


@pytest.mark.parametrize("expression", list(everything()))
def test_series_and_labels_exist(expression: str) -> None:
    within = set()
    for selector in selectors(expression):
        assert selector.name in SERIES, selector.name
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= SERIES[selector.name], (selector.name, asked)
        within |= SERIES[selector.name]
    for labels in grouped(expression):
        assert labels <= within, labels


@pytest.mark.parametrize("query", list(queries()), ids=lambda query: query.place)
def test_legends_name_labels_that_are_left(query: Any) -> None:
    tree = promql_parser.parse(substitute(query.expression, ANY))
    shown = set(LEGEND_LABEL.findall(query.legend))
    assert shown <= left(tree), query.legend


def left(node: Any) -> set[str]:
    """Labels that the result of an expression may have."""
    if isinstance(node, promql_parser.AggregateExpr):
        return set(node.modifier.labels) if node.modifier is not None else set()
    if isinstance(node, promql_parser.BinaryExpr):
        modifier = node.modifier
        more = set(modifier.group_labels or ()) if modifier is not None else set()
        return left(node.lhs) | more
    if isinstance(node, promql_parser.Call):
        labels = set().union(*(left(argument) for argument in node.args))
        return labels - {"le"} if node.func.name == "histogram_quantile" else labels
    if isinstance(node, promql_parser.VectorSelector):
        return SERIES[node.name]
    inner = getattr(node, "expr", None) or getattr(node, "vector_selector", None)
    return left(inner) if inner is not None else set()


@pytest.mark.parametrize("rule", [rule for rule in rules() if "record" in rule], ids=lambda rule: rule["record"])
def test_a_recorded_name_says_which_labels_are_left(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule["record"])
    assert left(promql_parser.parse(rule["expr"])) == labels_of(rule["record"])


@pytest.mark.parametrize("rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"])
def test_texts_of_an_alert_name_labels_that_it_has(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    expression = promql_parser.parse(rule["expr"])
    assert named <= left(expression), named
