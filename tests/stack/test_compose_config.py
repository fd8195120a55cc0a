"""What Docker makes of the compose files, in every combination of layers."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pipit.deployment import read_domains

pytestmark = pytest.mark.docker

COMPOSE = Path(__file__).parents[2] / "compose"
DOMAINS = {domain.name: domain.package for domain in read_domains(COMPOSE.parent)}
"""Folders by the names of their servers."""
LAYERS = ("dev", "observability", "train")
COMBINATIONS = [chosen for count in range(len(LAYERS) + 1) for chosen in combinations(LAYERS, count)]
SERVICES = {
    "": {"minio", "registry", "console", "cli", "ask", *DOMAINS},
    "dev": set(),
    "observability": {"prometheus", "alertmanager", "grafana"},
    "train": {f"{name}-trainer" for name in DOMAINS},
}


def ask(*files: str, **variables: str) -> subprocess.CompletedProcess[str]:
    chosen = [part for file in files for part in ("-f", file)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIPIT_", "COMPOSE_"))}
    return subprocess.run(
        ["docker", "compose", "--env-file=/dev/null", "--profile=*", *chosen, "config", "--format=json"],
        cwd=COMPOSE,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def config(layers: tuple[str, ...], **variables: str) -> Any:
    done = ask("compose.yaml", *(f"compose.{layer}.yaml" for layer in layers), **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # a variable without a default would be warned of
    return json.loads(done.stdout)


@pytest.mark.parametrize("layers", COMBINATIONS, ids="+".join)
def test_every_combination_of_layers_is_valid(docker: None, layers: tuple[str, ...]) -> None:
    assert set(config(layers)["services"]) == SERVICES[""].union(*(SERVICES[layer] for layer in layers))


@pytest.mark.parametrize("layers", COMBINATIONS, ids="+".join)
def test_no_combination_opens_a_port_to_others(docker: None, layers: tuple[str, ...]) -> None:
    services = config(layers)["services"].values()
    ports = [port for service in services for port in service.get("ports", [])]
    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert len({port["published"] for port in ports}) == len(ports)


def test_one_variable_opens_what_others_may_reach(docker: None) -> None:
    def opened(**variables: str) -> set[str]:
        services = config(("observability",), **variables)["services"].items()
        return {name for name, body in services for port in body.get("ports", []) if port["host_ip"] == "0.0.0.0"}

    assert opened(PIPIT_BIND="0.0.0.0") == {"registry", "console", *DOMAINS}
    assert opened(PIPIT_GRAFANA_BIND="0.0.0.0") == {"grafana"}


def test_one_variable_makes_every_server_ask_for_certificates(docker: None) -> None:
    authority = {"": "", "yes": "/etc/pipit/tls/ca.crt"}
    for value, expected in authority.items():
        services = config((), PIPIT_MUTUAL_TLS=value)["services"]
        asked = {
            name: path
            for name, body in services.items()
            for variable, path in body.get("environment", {}).items()
            if variable.endswith("_TLS_CLIENT_CA")
        }
        assert asked == dict.fromkeys(("registry", *DOMAINS), expected)


def test_data_is_mounted_read_only_or_replaced_by_an_empty_volume(docker: None, tmp_path: Path) -> None:
    for variables, kind, folder in (({"PIPIT_DATA": str(tmp_path)}, "bind", "/data"), ({}, "volume", "")):
        services = config(("train",), **variables)["services"]
        for name in DOMAINS:
            trainer = services[f"{name}-trainer"]
            (mount,) = (each for each in trainer["volumes"] if each["target"] == "/data")
            assert (mount["type"], mount["read_only"]) == (kind, True)
            assert trainer["environment"]["PIPIT_DATA"] == folder


def test_code_of_the_checkout_is_in_the_containers_of_the_dev_layer(docker: None) -> None:
    services = config(("dev",))["services"]
    for name, package in {**DOMAINS, "registry": "registry", "console": "console"}.items():
        (mount,) = (each for each in services[name]["volumes"] if each["target"] == "/src")
        assert (Path(mount["source"]), mount["read_only"]) == (COMPOSE.parent, True)
        folders = services[name]["environment"]["PYTHONPATH"].split(":")
        assert folders == ["/src/shared", f"/src/services/{package}"]
        assert all((COMPOSE.parent / Path(folder).relative_to("/src")).is_dir() for folder in folders)


@pytest.mark.parametrize("missing", ["PIPIT_REGISTRY", "PIPIT_DEVICE"])
def test_a_device_needs_a_registry_and_a_name(docker: None, missing: str) -> None:
    variables = {"PIPIT_REGISTRY": "nas.local:50050", "PIPIT_DEVICE": "pi-kitchen"}
    done = ask("compose.device.yaml", **{name: value for name, value in variables.items() if name != missing})
    assert done.returncode != 0
    assert f"required variable {missing} is missing a value" in done.stderr


def test_a_device_runs_servers_alone_as_the_stack_does(docker: None) -> None:
    done = ask("compose.device.yaml", PIPIT_REGISTRY="nas.local:50050", PIPIT_DEVICE="pi-kitchen")
    servers = json.loads(done.stdout)["services"]
    assert set(servers) == set(DOMAINS)
    for name, server in servers.items():
        expected = config(())["services"][name]
        assert expected.pop("depends_on")
        expected["environment"] |= {
            "PIPIT_SERVING_REGISTRY": "nas.local:50050",
            "PIPIT_SERVING_DEVICE_ID": f"pi-kitchen-{name}",
        }
        # To the registry each server is a device, and none may speak for another.
        assert {"source": "device_token", "target": "pipit_token"} in expected["secrets"]
        token = {"source": f"{name}-token", "target": "pipit_token"}
        expected["secrets"] = [token if each["target"] == "pipit_token" else each for each in expected["secrets"]]
        for one in (expected, server):
            one["secrets"].sort(key=lambda secret: str(secret["source"]))
        assert server == expected
