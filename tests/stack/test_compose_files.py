"""The compose files as they are written; no Docker needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipit.deployment import read_domains

REPOSITORY = Path(__file__).parents[2]
COMPOSE = REPOSITORY / "compose"
FILES = {path.name: path for path in sorted(COMPOSE.glob("compose*.yaml"))}
WRITTEN = {f"domains/{path.name}": path for path in sorted((COMPOSE / "domains").glob("*.yaml"))}
"""By `make domains`; other files include them."""
LAYERS = ("compose.dev.yaml", "compose.observability.yaml", "compose.train.yaml")
STACKS = [name for name in FILES if name != "compose.domain.yaml"]
WHOLE = [name for name in STACKS if name not in ("compose.dev.yaml", "compose.device.yaml")]
"""Files whose services are written out; those of the others are changes to them."""
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?:(?P<operator>:?[-?+])(?P<value>[^}]*))?\}")
DOMAINS = {domain.name: domain for domain in read_domains(REPOSITORY)}
"""By the names of their servers."""
SECRETS = {
    **{name: {"device_token", "tokens", *({"gallery_key"} if each.gallery else ())} for name, each in DOMAINS.items()},
    **{f"{name}-trainer": {"trainer_token", "signing_key"} for name in DOMAINS},
    "registry": {"minio_user", "minio_password", "tokens"},
    "console": {"console_token"},
    "minio": {"minio_user", "minio_password"},
    "cli": {"operator_token"},
    "ask": {"caller_token"},
    "prometheus": set(),
    "alertmanager": set(),
    "grafana": {"grafana_password"},
}
CERTIFICATES = {
    **{name: name for name in DOMAINS},
    **{f"{name}-trainer": "caller" for name in DOMAINS},
    **{"registry": "registry", "console": "console", "cli": "caller", "ask": "caller"},
}
"""Who is shown as what, by TLS."""
YAMLLINT = {
    "extends": "default",
    "rules": {
        "line-length": {"max": 120},
        "document-start": "disable",
        "comments": {"min-spaces-from-content": 1},
    },
}


class ComposeLoader(yaml.SafeLoader):
    """Knows compose's own tag, which takes away what a service inherits."""


ComposeLoader.add_constructor("!reset", lambda loader, node: None)


def load(name: str) -> Any:
    """The file with what it includes, and each service with what it extends."""
    document = yaml.load((COMPOSE / name).read_text("utf-8"), ComposeLoader)
    for entry in document.pop("include", []):
        assert entry["project_directory"] == ".", "paths in it would begin elsewhere"
        document = merged(load(entry["path"]), document)
    for service, body in document.get("services", {}).items():
        if "extends" in body:
            base = body.pop("extends")
            document["services"][service] = merged(load(base["file"])["services"][base["service"]], body)
    return document


def merged(base: Any, more: Any) -> Any:
    """As compose does it: tables key by key, lists one after the other, where what has the same target is replaced."""
    if isinstance(base, dict) and isinstance(more, dict):
        both = {key: merged(base[key], more[key]) for key in base.keys() & more.keys()}
        return {**base, **more, **both}
    if isinstance(base, list) and isinstance(more, list):
        taken = {each["target"] for each in more if isinstance(each, dict) and "target" in each}
        return [*(each for each in base if not (isinstance(each, dict) and each.get("target") in taken)), *more]
    return more


def services() -> Iterator[Any]:
    for name in WHOLE:
        for service, body in load(name)["services"].items():
            # A layer tells the console, which compose.yaml writes out, where Prometheus is.
            if (name, service) == ("compose.observability.yaml", "console"):
                assert body == {"environment": {"PIPIT_CONSOLE_PROMETHEUS": "http://prometheus:9090"}}
                continue
            yield pytest.param(service, body, id=service)


each_service = pytest.mark.parametrize(("name", "service"), list(services()))


def sources(entries: list[Any]) -> set[str]:
    return {entry if isinstance(entry, str) else entry["source"] for entry in entries}


def test_these_layers_exist_and_the_header_names_them() -> None:
    assert set(FILES) == {"compose.yaml", "compose.device.yaml", "compose.domain.yaml", *LAYERS}
    header = FILES["compose.yaml"].read_text("utf-8").partition("name: pipit")[0]
    assert tuple(sorted(re.findall(r"^#   (compose\.\w+\.yaml)  ", header, re.MULTILINE))) == LAYERS
    assert "none of them. compose.device.yaml" in header


@each_service
def test_may_do_nothing_that_it_does_not_need(name: str, service: Any) -> None:
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)


@each_service
def test_has_limits_and_rotates_its_logs(name: str, service: Any) -> None:
    assert re.fullmatch(r"(\$\{PIPIT_\w+_MEMORY:-)?\d+[mg]\}?", service["mem_limit"])
    assert service["pids_limit"] >= 256
    assert service["stop_grace_period"].endswith("s")
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


@each_service
def test_says_whether_it_is_healthy_unless_it_is_a_job(name: str, service: Any) -> None:
    job = "profiles" in service
    assert service["restart"] == ("no" if job else "unless-stopped")
    if job:
        assert service["healthcheck"] == {"disable": True}
        return
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@each_service
def test_waits_for_the_health_of_what_it_needs(name: str, service: Any) -> None:
    for condition in service.get("depends_on", {}).values():
        assert condition == {"condition": "service_healthy"}


@each_service
def test_has_its_own_secrets_and_no_other(name: str, service: Any) -> None:
    assert sources(service.get("secrets", [])) == SECRETS[name]


@each_service
def test_knows_servers_by_the_authority_and_shows_its_own_certificate(name: str, service: Any) -> None:
    mounts = [mount for mount in service.get("volumes", []) if isinstance(mount, dict) and "/tls/" in mount["source"]]
    if name not in CERTIFICATES:
        assert not mounts
        return
    (mount,) = mounts
    assert mount == {
        "type": "bind",
        "source": f"${{PIPIT_SECRETS:-./secrets}}/tls/{CERTIFICATES[name]}",
        "target": "/etc/pipit/tls",
        "read_only": True,
        # A folder that Docker makes would be empty.
        "bind": {"create_host_path": False},
    }
    assert (
        service["environment"].items()
        >= {
            "PIPIT_CA": "/etc/pipit/tls/ca.crt",
            "PIPIT_CERTIFICATE": "/etc/pipit/tls/tls.crt",
            "PIPIT_KEY": "/etc/pipit/tls/tls.key",
        }.items()
    )


@pytest.mark.parametrize("name", ["registry", *DOMAINS])
@pytest.mark.parametrize("file", ["compose.yaml", "compose.device.yaml"])
def test_a_server_asks_for_tokens_and_encrypts_calls(file: str, name: str) -> None:
    servers = load(file)["services"]
    if name not in servers:
        assert (file, name) == ("compose.device.yaml", "registry")
        return
    environment = servers[name]["environment"]
    prefix = "PIPIT_REGISTRY" if name == "registry" else "PIPIT_SERVING"
    expected = {
        f"{prefix}_HOST": "0.0.0.0",
        f"{prefix}_TOKENS": "/run/secrets/tokens.yaml",
        f"{prefix}_TLS_CERTIFICATE": "/etc/pipit/tls/tls.crt",
        f"{prefix}_TLS_KEY": "/etc/pipit/tls/tls.key",
        f"{prefix}_TLS_CLIENT_CA": "${PIPIT_MUTUAL_TLS:+/etc/pipit/tls/ca.crt}",
    }
    assert environment.items() >= expected.items()
    assert not {variable for variable in environment if re.search(r"INSECURE|ANONYMOUS", variable)}


def test_no_container_gets_the_key_of_the_authority() -> None:
    assert not [name for name, path in (FILES | WRITTEN).items() if "ca.key" in path.read_text("utf-8")]


def test_who_names_people_has_the_key_of_the_gallery() -> None:
    assert [name for name, secrets in SECRETS.items() if "gallery_key" in secrets] == ["home-security"]


@each_service
def test_no_secret_stands_in_its_environment(name: str, service: Any) -> None:
    for variable in service.get("environment", {}):
        assert not re.search(r"(TOKEN|PASSWORD|SECRET_KEY|ACCESS_KEY)$", variable)


@pytest.mark.parametrize("file", STACKS)
def test_ports_are_open_on_loopback_only(file: str) -> None:
    for service in load(file)["services"].values():
        for port in service.get("ports", []):
            assert re.match(r"127\.0\.0\.1:|\$\{PIPIT_(GRAFANA_)?BIND:-127\.0\.0\.1\}:", port), port


@each_service
def test_images_are_built_here_or_pinned(name: str, service: Any) -> None:
    if "build" not in service:
        assert re.fullmatch(r"\$\{PIPIT_\w+_IMAGE:-[\w./-]+:[\w.-]*\d[\w.-]*\}", service["image"])
        return
    build = service["build"]
    assert service["image"].startswith("${PIPIT_IMAGES:-pipit}/")
    assert service["image"].endswith(":${PIPIT_TAG:-dev}")
    assert build["args"]["BASE"] == "${PIPIT_BASE:-python:3.11-slim-bookworm}"
    dockerfile = (REPOSITORY / build["dockerfile"]).read_text("utf-8")
    if "target" in build:
        assert re.search(rf"^FROM \S+ AS {build['target']}$", dockerfile, re.MULTILINE | re.IGNORECASE)
        assert f"-{build['target']}:" in service["image"]


@pytest.mark.parametrize("kind", ["volumes", "networks", "secrets"])
def test_what_is_used_is_declared_and_what_is_declared_is_used(kind: str) -> None:
    declared: set[str] = set()
    used: set[str] = set()
    for file in STACKS:
        document = load(file)
        declared |= set(document.get(kind, {}))
        for service in document["services"].values():
            for entry in service.get(kind, []):
                source = entry if isinstance(entry, str) else entry["source"]
                if kind == "volumes":
                    source = VARIABLE.sub(lambda found: found["value"], source).partition(":")[0]
                if not source.startswith("."):
                    used.add(source)
    assert used == declared


def test_the_example_lists_every_variable_with_its_default() -> None:
    text = "".join((COMPOSE / name).read_text("utf-8") for name in (".env.example", "domains/variables.env"))
    listed = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    assert len(listed) == len(re.findall(r"^[A-Z0-9_]+=", text, re.MULTILINE))
    used: dict[str, set[str]] = {}
    for path in (FILES | WRITTEN).values():
        for found in VARIABLE.finditer(path.read_text("utf-8")):
            used.setdefault(found["name"], set())
            if found["operator"] == ":-":
                used[found["name"]].add(found["value"])
            elif found["operator"] == ":+":
                used[found["name"]].add("")
    # Those that certificates are made by.
    script = (COMPOSE / "secrets.sh").read_text("utf-8")
    used |= {name: {""} for name in re.findall(r"\$\(setting (\w+)\)", script) if name not in used}
    assert set(used) == set(listed)
    # An empty folder takes the place of a folder of data that nobody named.
    assert used.pop("PIPIT_DATA") == {"no-data", ""}
    assert listed.pop("PIPIT_DATA") == ""
    # It has no default: compose.device.yaml fails without it.
    assert used.pop("PIPIT_REGISTRY") == set()
    assert listed.pop("PIPIT_REGISTRY") == ""
    assert {name: {default} for name, default in listed.items()} == used


def test_every_domain_with_an_image_has_a_server_and_a_trainer() -> None:
    assert DOMAINS
    servers, trainers = load("compose.yaml")["services"], load("compose.train.yaml")["services"]
    for name, domain in DOMAINS.items():
        project = tomllib.loads((REPOSITORY / f"services/{domain.package}/pyproject.toml").read_text("utf-8"))[
            "project"
        ]
        pipelines = project["entry-points"]["pipit.pipelines"]
        assert servers[name]["environment"]["PIPIT_SERVING_TASKS"].split(",") == sorted(pipelines)
        assert servers[name]["build"]["args"]["DOMAIN"] == domain.package
        assert trainers[f"{name}-trainer"]["command"][0] in pipelines
        assert trainers[f"{name}-trainer"]["build"]["args"]["LICENCES"] == domain.licences


def test_prometheus_scrapes_every_server() -> None:
    entries = yaml.safe_load((COMPOSE / "prometheus" / "targets" / "inference.yml").read_text("utf-8"))
    servers = [name for name, body in load("compose.yaml")["services"].items() if "inference" in body["image"]]
    assert sorted(target for entry in entries for target in entry["targets"]) == sorted(
        f"{name}:9464" for name in servers
    )


def test_the_console_knows_every_server() -> None:
    servers = load("compose.yaml")["services"]["console"]["environment"]["PIPIT_CONSOLE_SERVERS"].split(", ")
    assert sorted(servers) == sorted(f"{name}:50051" for name in DOMAINS)


def test_mounted_files_exist() -> None:
    for file in STACKS:
        for service in load(file)["services"].values():
            for entry in service.get("volumes", []):
                source = entry["source"] if isinstance(entry, dict) else entry.partition(":")[0]
                if source.startswith("."):
                    assert (COMPOSE / source).exists(), source


def test_the_guide_names_what_is_kept_and_what_is_secret() -> None:
    guide = (REPOSITORY / "docs" / "stack.md").read_text("utf-8")
    first_cells = re.findall(r"^\| (`[^|]+`) \|", guide, re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}
    documents = [load(name) for name in WHOLE]
    caches = {f"{name}-cache" for name in DOMAINS}
    volumes = {name for document in documents for name in document.get("volumes", {})} - {"no-data"}
    assert caches <= volumes
    volumes = volumes - caches | {"<domain>-cache"}
    files = {Path(secret["file"]).name for document in documents for secret in document.get("secrets", {}).values()}
    # Whoever enrols people holds a token that no container does.
    certificates = {"ca.pem", "ca.key", "tls/<server>", "tls/caller", "devices/<name>"}
    assert named == {*volumes, *files, "enroller_token", *certificates, "compose.yaml", *LAYERS}
    assert "enroller_token" not in files


def tool(name: str) -> str:
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.skip(f"needs {name}, which comes with the development environment")
    return str(path)


def passes(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_yaml_is_clean() -> None:
    passes(tool("yamllint"), "--strict", "-d", json.dumps(YAMLLINT), *map(str, (FILES | WRITTEN).values()))


def test_keeps_to_the_schema_of_compose_files() -> None:
    # The tag `!reset` in domains/device.yaml is not in the schema; Docker reads that file in test_compose_config.py.
    files = [str(path) for name, path in (FILES | WRITTEN).items() if name != "domains/device.yaml"]
    passes(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files)


def test_shell_is_clean() -> None:
    passes(tool("shellcheck"), *map(str, sorted(COMPOSE.glob("*.sh"))))
