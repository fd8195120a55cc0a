"""Names that point to other objects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from manifests.documents import Document, Pod, named, of_kind, pods_of, title
from manifests.outside import SECRETS, STORAGE_CLASSES

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LONGEST = {"CronJob": 52, "Service": 63, "StatefulSet": 52}
"""Kubernetes adds to a CronJob's and a StatefulSet's name, and what comes out must fit into 63 characters."""
_CLUSTER_WIDE = ("Namespace", "PriorityClass", "ClusterIssuer")


def check_names(documents: list[Document]) -> list[str]:
    """Names are legal and single, and everything lies in one namespace."""
    found = []
    for document in documents:
        name = document["metadata"]["name"]
        if not _NAME.fullmatch(name) or len(name) > _LONGEST.get(document["kind"], 253):
            found.append(f"{title(document)}: not a legal name")
        if document["kind"] not in _CLUSTER_WIDE and document["metadata"].get("namespace") != "pipit":
            found.append(f"{title(document)}: not in the namespace pipit")
    counts = Counter((each["kind"], each["metadata"]["name"]) for each in documents)
    return [*found, *(f"{kind} {name} is there {n} times" for (kind, name), n in counts.items() if n > 1)]


def check_objects(documents: list[Document]) -> list[str]:
    """Service accounts, priorities, claims, storage classes, config maps and secrets that pods name are there."""
    found = []
    for pod in pods_of(documents):
        for kind, name in _named_objects(pod):
            if named(documents, kind, name) is None:
                found.append(f"{pod.title} names {kind} {name}, which is not there")
        for kind, name, key in _namedkeys_of(pod):
            if key not in keys_of(documents, kind, name):
                found.append(f"{pod.title} names {key or 'all'} of {kind} {name}, which is not there")
    for claim in _claims(documents):
        storage_class = claim["spec"].get("storageClassName")
        if storage_class is not None and storage_class not in STORAGE_CLASSES:
            found.append(f"PersistentVolumeClaim {claim['metadata']['name']} names StorageClass {storage_class}")
        if storage_class == "local-path" and claim["spec"]["accessModes"] != ["ReadWriteOnce"]:
            found.append(f"PersistentVolumeClaim {claim['metadata']['name']}: local-path can't be shared")
    return found


def check_mounts(documents: list[Document]) -> list[str]:
    """Each mount has its volume, each volume its mount, and no two mounts share a path."""
    found = []
    for pod in pods_of(documents):
        volumes = {volume["name"] for volume in pod.spec.get("volumes", ())} | set(pod.claim_templates)
        mounts = [(c["name"], mount) for c in pod.containers for mount in c.get("volumeMounts", ())]
        mounted = {mount["name"] for _, mount in mounts}
        found += [f"{pod.title} mounts {name}, which is no volume of it" for name in sorted(mounted - volumes)]
        found += [f"{pod.title} has a volume {name} that nothing mounts" for name in sorted(volumes - mounted)]
        paths = Counter((container, mount["mountPath"]) for container, mount in mounts)
        found += [f"{pod.title} mounts twice at {path}" for (_, path), n in paths.items() if n > 1]
    return found


def check_scale_targets(documents: list[Document]) -> list[str]:
    """What an autoscaler scales is there, and nothing else sets its number of replicas."""
    found = []
    for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
        reference = scaler["spec"]["scaleTargetRef"]
        target = named(documents, reference["kind"], reference["name"])
        if target is None or target["apiVersion"] != reference["apiVersion"]:
            found.append(f"{title(scaler)} scales {reference['kind']} {reference['name']}, which is not there")
        elif "replicas" in target["spec"]:
            found.append(f"{title(target)} sets replicas, and so does {title(scaler)}")
    return found


def _claims(documents: list[Document]) -> list[Document]:
    return [
        *of_kind(documents, "PersistentVolumeClaim"),
        *(claim for pod in pods_of(documents) for claim in pod.claim_templates.values()),
    ]


def _named_objects(pod: Pod) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", pod.spec.get("serviceAccountName", "default")
    yield "PriorityClass", pod.spec.get("priorityClassName", "none")
    for volume in pod.spec.get("volumes", ()):
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    if "serviceName" in pod.owner["spec"]:
        yield "Service", pod.owner["spec"]["serviceName"]
    if "subdomain" in pod.spec:
        yield "Service", pod.spec["subdomain"]


def _namedkeys_of(pod: Pod) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and key; None: all keys."""
    for container in pod.containers:
        for source in container.get("envFrom", ()):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    yield kind, source[field]["name"], None
        for variable in container.get("env", ()):
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if field in variable.get("valueFrom", {}):
                    reference = variable["valueFrom"][field]
                    yield kind, reference["name"], reference["key"]
    for volume in pod.spec.get("volumes", ()):
        for source in volume.get("projected", {}).get("sources", [volume]):
            yield from keys_of_source(source)
    for container in pod.containers:
        for mount in container.get("volumeMounts", ()):
            if "subPath" in mount:
                yield from _keys_of_mount(pod, mount)


def keys_of_source(source: Document) -> Iterator[tuple[str, str, str | None]]:
    """What a volume takes from config maps and secrets: kind, name and key; None: all keys."""
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if field in source:
            name = source[field].get("name") or source[field]["secretName"]
            yield kind, name, None
            for item in source[field].get("items", ()):
                yield kind, name, item["key"]


def _keys_of_mount(pod: Pod, mount: Document) -> Iterator[tuple[str, str, str | None]]:
    volume = next(each for each in pod.spec["volumes"] if each["name"] == mount["name"])
    for kind, name, key in keys_of_source(volume):
        if key is None:
            yield kind, name, mount["subPath"]


def keys_of(documents: list[Document], kind: str, name: str) -> set[str | None]:
    """The keys that are there, and None if the object is."""
    if kind == "Secret" and name in SECRETS:
        return {None, *SECRETS[name]}
    document = named(documents, kind, name)
    return set() if document is None else {None, *document.get("data", {}), *document.get("binaryData", {})}
