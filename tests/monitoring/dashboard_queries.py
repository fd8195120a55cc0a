"""The dashboards' JSON as Grafana reads it: panels, their queries, and what stands for the variables in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_server import COMPOSE, Prometheus

FOLDER = COMPOSE / "grafana/dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")
LEGEND_LABEL = re.compile(r"{{\s*(\w+)\s*}}")


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel. place: for people."""

    place: str
    expression: str
    legend: str
    instant: bool


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All but the rows' titles."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    """Of all dashboards, with their variables in them."""
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield query_of(target, f"{name}: {panel['title']} {target['refId']}")


def query_of(target: Mapping[str, Any], place: str) -> Query:
    """One target of a panel."""
    return Query(place, target["expr"], target.get("legendFormat", ""), bool(target.get("instant")))


def variables(dashboard: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Those that ask Prometheus: the variable, the series it looks at, the label it takes."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found = LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found, variable["query"]
            yield variable, found["selector"], found["label"]


def substitute(text: str, values: Mapping[str, str], rate_interval: str = "15s") -> str:
    """As Grafana does. rate_interval: four scrapes at least."""
    text = text.replace("$__rate_interval", rate_interval)
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)


def choices(dashboard: Mapping[str, Any], prometheus: Prometheus) -> dict[str, list[str]]:
    """What each variable offers; of the first of each those that follow depend."""
    offered: dict[str, list[str]] = {}
    for variable, selector, label in variables(dashboard):
        known = {name: values[0] for name, values in offered.items() if values}
        offered[variable["name"]] = prometheus.label_values(label, substitute(selector, known))
    return offered


def selected(dashboard: Mapping[str, Any], offered: Mapping[str, list[str]]) -> dict[str, str]:
    """Each variable's value when the dashboard is opened: the first, or all."""
    values = {}
    for variable, _, _ in variables(dashboard):
        name = variable["name"]
        values[name] = variable["allValue"] if variable.get("includeAll") else offered[name][0]
    return values
