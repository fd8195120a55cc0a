"""A real Prometheus and a real Alertmanager on loopback, configured from the files in compose/ with shorter times.

compose/prometheus ──(targets, intervals, `for`)──> a folder of the test's own ──> Prometheus
compose/alertmanager ──(address, waits)──────────────────────────────────────────> Alertmanager
"""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pipit.cli.demo.processes import Server, Servers, free_port

REPOSITORY = Path(__file__).parents[2]
COMPOSE = REPOSITORY / "compose"
START_SECONDS = 240.0
Targets = Mapping[str, Mapping[str, str]]
"""Of each job: addresses by instance."""


def missing(*programs: str) -> str:
    """Why a test that needs these can't run; empty if it can."""
    absent = [program for program in programs if shutil.which(program) is None]
    return f"needs {', '.join(absent)}: apt-get install prometheus prometheus-alertmanager" if absent else ""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one. url: of its HTTP interface."""

    server: Server
    url: str

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """An instant query; series with their value. at: seconds since 1970."""
        result = self._get("query", {"query": expression} | ({} if at is None else {"time": str(at)}))
        return [{"metric": {}, "value": result["result"]}] if result["resultType"] == "scalar" else result["result"]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Series with their values."""
        times = {"start": str(start), "end": str(end), "step": str(step)}
        return list(self._get("query_range", {"query": expression} | times)["result"])

    def label_values(self, label: str, selector: str) -> list[str]:
        """As Grafana's variables ask."""
        return list(self._get(f"label/{label}/values", {"match[]": selector}))

    def rules(self) -> list[dict[str, Any]]:
        """Groups of rules with their health."""
        return list(self._get("rules", {})["groups"])

    def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as refusal:
            text = json.load(refusal).get("error", "")
            raise ValueError(f"Prometheus refuses {parameters}: {text}") from refusal


def start_prometheus(
    servers: Servers, folder: Path, targets: Targets, alertmanager: str = "", hold: str = "1s"
) -> Prometheus:
    """Scrapes and evaluates each second. hold: how long a fault lasts before an alert fires."""
    port = free_port()
    everything = {**targets, "prometheus": {"localhost:9090": f"127.0.0.1:{port}"}}
    config = derive_prometheus_config(folder / "config", everything, alertmanager, hold)
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    server = servers.start("prometheus", command, {})
    wait_until_ready(server, f"http://127.0.0.1:{port}/-/ready")
    return Prometheus(server, f"http://127.0.0.1:{port}")


def derive_prometheus_config(folder: Path, targets: Targets, alertmanager: str, hold: str) -> Path:
    """The project's configuration with other targets and times; jobs without targets are left out."""
    shutil.copytree(COMPOSE / "prometheus", folder)
    config = yaml.safe_load((folder / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager] if alertmanager else []}]}]
    jobs = [job for job in config["scrape_configs"] if job["job_name"] in targets]
    assert {job["job_name"] for job in jobs} == set(targets)
    for job in jobs:
        groups = [
            {"targets": [address], "labels": {"instance": instance}}
            for instance, address in targets[job["job_name"]].items()
        ]
        if "file_sd_configs" in job:
            (found,) = job["file_sd_configs"][0]["files"]
            (folder / found).write_text(yaml.safe_dump(groups), "utf-8")
        else:
            job["static_configs"] = groups
    config["scrape_configs"] = jobs
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    alerts = folder / "rules/alerts.yml"
    alerts.write_text(re.sub(r"^( +for: )\w+$", rf"\g<1>{hold}", alerts.read_text("utf-8"), flags=re.MULTILINE))
    return folder / "prometheus.yml"


def start_alertmanager(servers: Servers, folder: Path, webhook: str) -> str:
    """Sends to `webhook` what the project's configuration sends to people; gives its host:port."""
    config = yaml.safe_load((COMPOSE / "alertmanager/alertmanager.yml").read_text("utf-8"))
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (receiver,) = config["receivers"]
    receiver["webhook_configs"][0]["url"] = webhook
    folder.mkdir(parents=True)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    server = servers.start("alertmanager", command, {})
    wait_until_ready(server, f"http://{address}/-/ready")
    return address


def wait_until_ready(server: Server, url: str) -> None:
    """Raises TimeoutError, or Unavailable if the process has ended."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server.require_alive()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{url} was not ready within {START_SECONDS:.0f} s; see {server.log}")
