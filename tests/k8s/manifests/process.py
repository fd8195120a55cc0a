"""What Pipit's own processes are given: images, settings, probes, and time to stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_registry.settings import RegistrySettings
from pipit.bundle.manifest import TaskName
from pipit.cli.settings import CliSettings
from pipit.errors import InvalidInput
from pipit.serving.settings import ServingSettings
from pipit.settings import Settings, load_settings
from pydantic import TypeAdapter, ValidationError

from manifests.budget import quantity
from manifests.documents import Document, Pod, named, pods_of
from manifests.outside import foreign_images, own_images

SETTINGS: dict[str, tuple[type[Settings], ...]] = {
    "inference": (ServingSettings,),
    "registry": (RegistrySettings,),
    "trainer": (CliSettings,),
}
"""Settings that a component's process reads."""
_FOREIGN_VARIABLES = {"HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TF_CPP_MIN_LOG_LEVEL"}
_TORCHRUN = {"MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK"}
_SECRETS = "/run/secrets"


def check_images(documents: list[Document]) -> list[str]:
    """Images are those that docker-bake.hcl makes, or the very ones that compose runs; all with a tag."""
    found = []
    for pod in pods_of(documents):
        for container in pod.containers:
            image = container["image"]
            name, _, tag = image.rpartition("/")[2].partition(":")
            if not tag or tag == "latest":
                found.append(f"{pod.title}: {image} names no version")
            if name not in own_images() and image not in foreign_images():
                found.append(f"{pod.title}: nobody makes {image}")
    return found


def check_settings(documents: list[Document]) -> list[str]:
    """Variables are settings of the process that gets them, and it would start with their values."""
    found = []
    for pod in _own_pods(documents):
        for container in pod.containers:
            variables = environment(documents, container)
            classes = SETTINGS[pod.component]
            used = {name for name in variables if f"$({name})" in str(container)}
            known = {name for each in classes for name in _variables(each)} | _FOREIGN_VARIABLES | _TORCHRUN | used
            found += [f"{pod.title}: {name} is no setting" for name in sorted(set(variables) - known)]
            for each in classes:
                with _environment(variables):
                    try:
                        load_settings(each)
                    except InvalidInput as error:
                        found.append(f"{pod.title}: {error}")
    return found


def check_secret_files(documents: list[Document]) -> list[str]:
    """Each file under /run/secrets is named after a setting, or named by one; settings name no file that is not there."""
    found = []
    for pod in _own_pods(documents):
        for container in pod.containers:
            variables = environment(documents, container)
            there = set(_secret_files(documents, pod, container))
            named_by = {
                path.removeprefix(f"{_SECRETS}/")
                for value in variables.values()
                for path in value.split(",")
                if path.startswith(f"{_SECRETS}/")
            }
            settings = {name.lower() for each in SETTINGS[pod.component] for name in _variables(each)}
            found += [f"{pod.title}: no setting reads {_SECRETS}/{name}" for name in sorted(there - named_by - settings)]
            found += [f"{pod.title}: {_SECRETS}/{name} is not there" for name in sorted(named_by - there)]
    return found


def check_probes(documents: list[Document]) -> list[str]:
    """Probes ask ports that are there, for health services that are there, in a way that works with TLS on."""
    found = []
    for pod in pods_of(documents):
        if pod.owner["kind"] == "CronJob":
            continue
        for container in pod.containers:
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(kind)
                if probe is None:
                    found.append(f"{pod.title}: {container['name']} has no {kind}")
                else:
                    encrypted = any("_TLS_CERTIFICATE" in name for name in environment(documents, container))
                    found += [f"{pod.title}: {kind} {problem}" for problem in _probe(pod, kind, probe, encrypted)]
    return found


def check_stop(documents: list[Document]) -> list[str]:
    """The pause before the stop and the process's own grace fit into the pod's."""
    found = []
    for pod in _own_pods(documents):
        for container in pod.containers:
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            variables = environment(documents, container)
            grace = next((float(value) for name, value in variables.items() if name.endswith("_GRACE_SECONDS")), 0.0)
            if pause + grace >= pod.spec.get("terminationGracePeriodSeconds", 30):
                found.append(f"{pod.title} is killed before {pause} s pause and {grace} s grace are over")
    return found


def environment(documents: list[Document], container: dict[str, Any]) -> dict[str, str]:
    """A container's variables; what Kubernetes fills in has a value of the right kind."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        config = named(documents, "ConfigMap", source.get("configMapRef", {}).get("name", ""))
        variables |= (config or {}).get("data", {})
    for variable in container.get("env", ()):
        source = variable.get("valueFrom", {})
        if "resourceFieldRef" in source:
            part, resource = source["resourceFieldRef"]["resource"].split(".")
            variables[variable["name"]] = str(int(quantity(container["resources"][part][resource])))
        else:
            variables[variable["name"]] = variable.get("value", "filled-in")
    return variables


def _probe(pod: Pod, kind: str, probe: dict[str, Any], encrypted: bool) -> list[str]:
    if "grpc" in probe:
        service, port = probe["grpc"].get("service", ""), probe["grpc"]["port"]
        problems = ["speaks plain text to a port with TLS"] if encrypted else []
    elif "exec" in probe:
        command = probe["exec"]["command"]
        if command[:3] != ["python", "-m", "pipit.rpc.probe"]:
            return [f"runs {command}, which is no probe of ours"]
        service = command[command.index("--service") + 1] if "--service" in command else ""
        port = int(command[3].rpartition(":")[2])
        problems = [] if encrypted == ("--ca" in command) else ["and the port do not agree on TLS"]
    else:
        port = probe.get("httpGet", probe.get("tcpSocket", {})).get("port")
        return [] if pod.port(port) else [f"asks port {port}, which is not there"]
    wanted = "" if kind == "readinessProbe" else "liveness"
    if service != wanted:
        problems.append(f"asks for the health of {service!r}, not of {wanted!r}")
    if pod.port(port) is None:
        problems.append(f"asks port {port}, which is not there")
    return problems


def _secret_files(documents: list[Document], pod: Pod, container: dict[str, Any]) -> Iterator[str]:
    from manifests.references import _keys, _keys_of_source

    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        if not f"{mount['mountPath']}/".startswith(f"{_SECRETS}/"):
            continue
        folder = mount["mountPath"].removeprefix(_SECRETS).strip("/")
        volume = volumes[mount["name"]]
        for source in volume.get("projected", {}).get("sources", [volume]):
            for field in ("secret", "configMap"):
                items = source.get(field, {}).get("items")
                if items is not None:
                    names = [item["path"] for item in items]
                else:
                    names = [key for kind, name, _ in _keys_of_source(source) for key in _keys(documents, kind, name) if key] if field in source else []
                yield from (f"{folder}/{name}".strip("/") for name in names)


def _own_pods(documents: list[Document]) -> list[Pod]:
    return [pod for pod in pods_of(documents) if pod.component in SETTINGS]


def _variables(settings: type[Settings]) -> Iterator[str]:
    prefix = str(settings.model_config["env_prefix"])
    return (f"{prefix}{field}".upper() for field in settings.model_fields)


def is_task(name: str) -> bool:
    try:
        TypeAdapter(TaskName).validate_python(name)
    except ValidationError:
        return False
    return True


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith("PIPIT_")]:
            del os.environ[name]
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
