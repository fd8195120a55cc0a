"""Rendered manifests, and the pods that they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Document = dict[str, Any]


def parse(text: str) -> list[Document]:
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def title(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def named(documents: list[Document], kind: str, name: str) -> Document | None:
    return next((each for each in of_kind(documents, kind) if each["metadata"]["name"] == name), None)


@dataclass(frozen=True)
class Pod:
    """The pods of one Deployment, StatefulSet or CronJob."""

    owner: Document
    labels: dict[str, str]
    spec: dict[str, Any]
    replicas: int

    @property
    def title(self) -> str:
        return title(self.owner)

    @property
    def component(self) -> str:
        return self.labels.get("app.kubernetes.io/component", "")

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    @property
    def claim_templates(self) -> dict[str, Document]:
        return {each["metadata"]["name"]: each for each in self.owner["spec"].get("volumeClaimTemplates", ())}

    def ports(self) -> Iterator[tuple[str, int, str]]:
        """Name, number, protocol."""
        for container in self.containers:
            for port in container.get("ports", ()):
                yield port.get("name", ""), port["containerPort"], port.get("protocol", "TCP")

    def port(self, name_or_number: str | int) -> int | None:
        """The number of a container's port, if there is such a one."""
        return next((number for name, number, _ in self.ports() if name_or_number in (name, number)), None)


def pods_of(documents: list[Document]) -> list[Pod]:
    found = []
    for document in of_kind(documents, "Deployment", "StatefulSet", "CronJob", "Job", "DaemonSet"):
        spec = document["spec"]
        if document["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        template = spec["template"]
        replicas = spec.get("replicas", spec.get("completions", 1))
        found.append(Pod(document, template["metadata"].get("labels", {}), template["spec"], replicas))
    return found


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Kubernetes' label selector; an empty one matches everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions", ()))


def _holds(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values", ())
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    raise ValueError(f"unknown operator {operator}")
