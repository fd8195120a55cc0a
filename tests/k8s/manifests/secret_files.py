"""Files of secrets, against the settings that are read from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manifests.documents import Document, Pod
from manifests.references import keys_of, keys_of_source
from manifests.settings import SETTINGS, environment, own_pods, variables_of

_FOLDER = "/run/secrets"


def check_secret_files(documents: list[Document]) -> list[str]:
    """Each file under /run/secrets is named after a setting or by one, and settings name none that is not there."""
    found = []
    for pod in own_pods(documents):
        for container in pod.containers:
            there = set(_files(documents, pod, container))
            named = _named_by_settings(environment(documents, container))
            settings = {name.lower() for each in SETTINGS[pod.component] for name in variables_of(each)}
            found += [f"{pod.title}: no setting reads {_FOLDER}/{name}" for name in sorted(there - named - settings)]
            found += [f"{pod.title}: {_FOLDER}/{name} is not there" for name in sorted(named - there)]
    return found


def _named_by_settings(variables: dict[str, str]) -> set[str]:
    paths = [path for value in variables.values() for path in value.split(",")]
    return {path.removeprefix(f"{_FOLDER}/") for path in paths if path.startswith(f"{_FOLDER}/")}


def _files(documents: list[Document], pod: Pod, container: dict[str, Any]) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        if mount["mountPath"] == _FOLDER:
            volume = volumes[mount["name"]]
            for source in volume.get("projected", {}).get("sources", [volume]):
                yield from _names(documents, source)


def _names(documents: list[Document], source: dict[str, Any]) -> list[str]:
    items = source["secret"].get("items")
    if items is not None:
        return [item["path"] for item in items]
    return [
        key for kind, name, _ in keys_of_source(source) for key in keys_of(documents, kind, name) if key is not None
    ]
