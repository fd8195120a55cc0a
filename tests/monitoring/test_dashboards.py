"""The dashboards as files: up to date, readable, and linked to each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard_queries import DASHBOARDS, FOLDER, panels
from pipit.deployment import read_domains
from prometheus_server import COMPOSE

PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in panels(dashboard)
]
each_panel = pytest.mark.parametrize("panel", PANELS)
each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def test_the_files_are_what_the_code_makes(tmp_path: Path) -> None:
    command = [sys.executable, str(COMPOSE / "grafana/dashboards.py"), "--folder", str(tmp_path)]
    subprocess.run(command, check=True)
    made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert made.keys() == kept.keys() == {"fleet.json", "task.json", "registry.json", "device.json"}
    stale = [name for name in made if made[name] != kept[name]]
    assert not stale, f"{stale}: run `make dashboards` and commit what it writes"


@each_panel
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    axis = panel.get("options", {}).get("yAxis", {}) if panel["type"] == "heatmap" else panel["fieldConfig"]["defaults"]
    assert axis.get("unit") or panel["type"] in {"state-timeline"}
    for target in panel["targets"]:
        assert target.get("legendFormat") or target.get("format") == "table"
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


@each_dashboard
def test_panels_fill_rows_and_do_not_overlap(name: str) -> None:
    taken = set()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    height = max(y for _, y in taken) + 1
    assert taken == {(x, y) for x in range(24) for y in range(height)}


@each_dashboard
def test_numbers_and_names_are_stable(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == f"pipit-{name}"
    assert dashboard["tags"] == ["pipit"]
    assert dashboard["title"].startswith("Pipit / ")
    assert [panel["id"] for panel in dashboard["panels"]] == list(range(1, len(dashboard["panels"]) + 1))


@each_dashboard
def test_links_lead_to_dashboards_and_variables_that_exist(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    assert [link["tags"] for link in DASHBOARDS[name]["links"]] == [["pipit"]]
    boards = {dashboard["uid"]: dashboard for dashboard in DASHBOARDS.values()}
    for uid, variable in re.findall(r"/d/([\w-]+)\?var-(\w+)=", text):
        assert variable in {entry["name"] for entry in boards[uid]["templating"]["list"]}


def test_neither_dashboards_nor_rules_know_a_domain_by_name() -> None:
    # A new domain shows up by what its servers report.
    names = {name for domain in read_domains(COMPOSE.parent) for name in (domain.package, domain.name)}
    assert len(names) >= 3
    for path in (*FOLDER.glob("*.json"), *COMPOSE.glob("prometheus/rules/*.yml")):
        assert not names & set(re.findall(r"[\w-]+", path.read_text("utf-8"))), path


@pytest.mark.parametrize("name", ["fleet", "task", "device"])
def test_latency_is_what_people_see_first(name: str) -> None:
    graphs = [panel["title"] for panel in panels(DASHBOARDS[name]) if panel["type"] == "timeseries"]
    assert graphs[0].startswith("Time to answer")
    assert DASHBOARDS[name]["panels"][0]["title"] in {"Answers", "Latency"}


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    folder = COMPOSE / "grafana/provisioning"
    sources = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text("utf-8"))["datasources"]
    stack = yaml.safe_load((COMPOSE / "compose.observability.yaml").read_text("utf-8"))["services"]
    prometheus = sources[0]
    assert (prometheus["uid"], prometheus["isDefault"]) == ("prometheus", True)
    interval = yaml.safe_load((COMPOSE / "prometheus/prometheus.yml").read_text("utf-8"))["global"]["scrape_interval"]
    assert prometheus["jsonData"]["timeInterval"] == interval
    assert {source["url"].split("//")[1].split(":")[0] for source in sources} <= set(stack)
    (provider,) = yaml.safe_load((folder / "dashboards/pipit.yaml").read_text("utf-8"))["providers"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in stack["grafana"]["volumes"]}
    assert (COMPOSE / mounted[provider["options"]["path"]]).resolve() == FOLDER
    assert (COMPOSE / mounted["/etc/grafana/provisioning"]).resolve() == folder
