"""Monitoring in the cluster has what compose has: the same rules, and jobs of the same names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from manifests.documents import Document, matches, named, of_kind, pods_of
from manifests.rendering import Cluster
from manifests.tools import tool


def configuration(documents: list[Document], prefix: str) -> dict[str, str]:
    found = [each for each in of_kind(documents, "ConfigMap") if each["metadata"]["name"].rpartition("-")[0] == prefix]
    assert len(found) == 1
    return found[0]["data"]


@pytest.fixture
def compose(workspace: Path) -> Path:
    return workspace / "compose"


@pytest.fixture
def scrapes(fullest: Cluster) -> dict[str, Document]:
    prometheus = yaml.safe_load(configuration(fullest.parsed, "prometheus")["prometheus.yml"])
    return {each["job_name"]: each for each in prometheus["scrape_configs"]}


def test_every_rule_file_is_there(fullest: Cluster, compose: Path) -> None:
    rules = configuration(fullest.parsed, "prometheus-rules")
    assert rules == {path.name: path.read_text() for path in (compose / "prometheus/rules").glob("*.yml")}
    assert len(rules) >= 2


def test_alerts_go_where_composes_go(fullest: Cluster, compose: Path) -> None:
    there = configuration(fullest.parsed, "alertmanager")
    assert there == {"alertmanager.yml": (compose / "alertmanager/alertmanager.yml").read_text()}


def test_every_dashboard_is_mounted(fullest: Cluster, compose: Path) -> None:
    grafana = next(pod for pod in pods_of(fullest.parsed) if pod.title == "Deployment grafana")
    volumes = {each["name"]: each for each in grafana.spec["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in grafana.containers[0]["volumeMounts"]}
    mounted = {}
    for source in mounts["/etc/grafana/dashboards"]["projected"]["sources"]:
        config = named(fullest.parsed, "ConfigMap", source["configMap"]["name"])
        assert config is not None
        mounted |= config["data"]
    assert mounted == {path.name: path.read_text() for path in (compose / "grafana/dashboards").glob("*.json")}
    assert len(mounted) >= 4


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_grafana_is_told_the_same(kind: str, fullest: Cluster, compose: Path) -> None:
    folder = compose / "grafana/provisioning" / kind
    name = {"datasources": "grafana-datasources", "dashboards": "grafana-providers"}[kind]
    assert configuration(fullest.parsed, name) == {path.name: path.read_text() for path in folder.iterdir()}


def test_jobs_have_the_names_that_rules_know(scrapes: dict[str, Document], compose: Path) -> None:
    there = yaml.safe_load((compose / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert set(scrapes) == {each["job_name"] for each in there}
    paths = {each["job_name"]: each.get("metrics_path", "/metrics") for each in there}
    assert {name: each.get("metrics_path", "/metrics") for name, each in scrapes.items()} == paths


@pytest.mark.parametrize(("job", "component"), [(each, each) for each in ("inference", "registry", "console")])
def test_every_server_is_scraped_ready_or_not(
    job: str, component: str, scrapes: dict[str, Document], fullest: Cluster
) -> None:
    ((name,),) = (each["names"] for each in scrapes[job]["dns_sd_configs"])
    port, _, service_name = name.partition("._tcp.")
    service = named(fullest.parsed, "Service", service_name)
    assert service is not None
    assert port.removeprefix("_") in [each["name"] for each in service["spec"]["ports"]]
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["clusterIP"] == "None"
    pods = [pod for pod in pods_of(fullest.parsed) if matches({"matchLabels": service["spec"]["selector"]}, pod.labels)]
    assert pods == [pod for pod in pods_of(fullest.parsed) if pod.component == component]
    # A StatefulSet's pod keeps its name, and with it the label `instance`, only below the Service that it names.
    for pod in pods:
        assert pod.owner["spec"].get("serviceName", service_name) == service_name


def test_prometheus_takes_the_configuration(fullest: Cluster, tmp_path: Path) -> None:
    promtool = tool("promtool", "Debian's package prometheus has it")
    path = tmp_path / "prometheus.yml"
    path.write_text(configuration(fullest.parsed, "prometheus")["prometheus.yml"])
    result = subprocess.run(
        [promtool, "check", "config", "--syntax-only", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
