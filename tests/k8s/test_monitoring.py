"""Monitoring in the cluster has what compose has: the same rules, and jobs of the same names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from manifests.documents import Document, named, of_kind, pods_of
from manifests.outside import ROOT
from manifests.rendering import Cluster
from manifests.tools import tool

COMPOSE = ROOT / "compose"


def configuration(documents: list[Document], prefix: str) -> dict[str, str]:
    found = [each for each in of_kind(documents, "ConfigMap") if each["metadata"]["name"].rpartition("-")[0] == prefix]
    assert len(found) == 1
    return found[0]["data"]


@pytest.fixture
def scrapes(fullest: Cluster) -> dict[str, Document]:
    prometheus = yaml.safe_load(configuration(fullest.parsed, "prometheus")["prometheus.yml"])
    return {each["job_name"]: each for each in prometheus["scrape_configs"]}


def test_every_rule_file_is_there(fullest: Cluster) -> None:
    rules = configuration(fullest.parsed, "prometheus-rules")
    assert rules == {path.name: path.read_text() for path in (COMPOSE / "prometheus/rules").glob("*.yml")}
    assert len(rules) >= 2


def test_alerts_go_where_composes_go(fullest: Cluster) -> None:
    there = configuration(fullest.parsed, "alertmanager")
    assert there == {"alertmanager.yml": (COMPOSE / "alertmanager/alertmanager.yml").read_text()}


def test_jobs_have_the_names_that_rules_know(scrapes: dict[str, Document]) -> None:
    compose = yaml.safe_load((COMPOSE / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert set(scrapes) == {each["job_name"] for each in compose}
    assert scrapes["minio"]["metrics_path"] == next(x["metrics_path"] for x in compose if x["job_name"] == "minio")


@pytest.mark.parametrize(("job", "component"), [("inference", "inference"), ("registry", "registry")])
def test_every_server_is_scraped_ready_or_not(
    job: str, component: str, scrapes: dict[str, Document], fullest: Cluster
) -> None:
    names = [name for each in scrapes[job]["dns_sd_configs"] for name in each["names"]]
    services = []
    for name in names:
        port, _, service_name = name.partition("._tcp.")
        service = named(fullest.parsed, "Service", service_name)
        assert service is not None
        assert port.removeprefix("_") in [each["name"] for each in service["spec"]["ports"]]
        assert service["spec"]["publishNotReadyAddresses"] is True
        services.append(service_name)
    workloads = [pod.owner["metadata"]["name"] for pod in pods_of(fullest.parsed) if pod.component == component]
    assert sorted(services) == sorted(f"{name}-pods" for name in workloads)


def test_prometheus_takes_the_configuration(fullest: Cluster, tmp_path: Path) -> None:
    promtool = tool("promtool", "Debian's package prometheus has it")
    path = tmp_path / "prometheus.yml"
    path.write_text(configuration(fullest.parsed, "prometheus")["prometheus.yml"])
    result = subprocess.run(
        [promtool, "check", "config", "--syntax-only", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
