"""What Pipit's own processes are given: images and settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_registry.settings import RegistrySettings
from pipit.cli.settings import CliSettings
from pipit.errors import InvalidInput
from pipit.rpc.connection import ConnectionSettings
from pipit.serving.settings import ServingSettings
from pipit.settings import Settings, load_settings
from pipit_console.settings import ConsoleSettings

from manifests.budget import quantity
from manifests.documents import Document, Pod, named, pods_of
from manifests.outside import foreign_images, own_images

SETTINGS: dict[str, tuple[type[Settings], ...]] = {
    # What the probe in the container reads is among them.
    "inference": (ServingSettings, ConnectionSettings),
    "registry": (RegistrySettings, ConnectionSettings),
    "console": (ConsoleSettings, ConnectionSettings),
    "trainer": (CliSettings,),
}
"""Settings that a component's process reads."""
_OTHER_VARIABLES = {
    "trainer": {
        *("HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TF_CPP_MIN_LOG_LEVEL"),
        # What the workers of one training know of each other: Pipit's own name, and torchrun's.
        *("PIPIT_WORKERS", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK"),
    },
}


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
    for pod in own_pods(documents):
        for container in pod.containers:
            variables = environment(documents, container)
            classes = SETTINGS[pod.component]
            used = {name for name in variables if f"$({name})" in str(container)}
            known = {name for each in classes for name in variables_of(each)} | used
            known |= _OTHER_VARIABLES.get(pod.component, set())
            found += [f"{pod.title}: {name} is no setting" for name in sorted(set(variables) - known)]
            for each in classes:
                with _environment(variables):
                    try:
                        load_settings(each)
                    except InvalidInput as error:
                        found.append(f"{pod.title}: {error}")
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


def own_pods(documents: list[Document]) -> list[Pod]:
    """Those that run Pipit's processes."""
    return [pod for pod in pods_of(documents) if pod.component in SETTINGS]


def variables_of(settings: type[Settings]) -> Iterator[str]:
    prefix = str(settings.model_config["env_prefix"])
    return (f"{prefix}{field}".upper() for field in settings.model_fields)


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
