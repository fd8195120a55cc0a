"""Quantities, and whether a 4 GB Pi has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from manifests.documents import Document, Pod, of_kind, pods_of, title

_UNITS = {
    "": 1, "m": Decimal("0.001"), "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4,
    "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti|)")
_RESOURCES = ("cpu", "memory", "ephemeral-storage")

NODE = {"cpu": Decimal(4), "memory": Decimal(3700 * 1024**2)}
"""What Linux sees on a Raspberry Pi with 4 GB."""
LARGE_NODE = {"cpu": Decimal(4), "memory": Decimal(7700 * 1024**2)}
"""The same of one with 8 GB."""
SYSTEM = {"cpu": Decimal("0.5"), "memory": Decimal(1024**3)}
"""Left to Linux and to k3s as a server, with its DNS and storage pods."""


def quantity(text: Any) -> Decimal:
    """Raises ValueError where Kubernetes would refuse it."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    return Decimal(match[1]) * _UNITS[match[2]]


def check_quantities(documents: list[Document]) -> list[str]:
    """Quantities can be read and have a sensible unit; containers ask for some, and not for more than their limit."""
    found = []
    for where, resource, text in _quantities(documents):
        try:
            amount = quantity(text)
        except ValueError as error:
            found.append(f"{where}: {resource} {error}")
            continue
        if resource != "cpu" and amount < 1024**2:
            found.append(f"{where}: {resource} {text} is less than a MiB")
        if resource == "cpu" and amount > 64:
            found.append(f"{where}: cpu {text} is more than a node has")
    if found:
        return found
    for pod in pods_of(documents):
        for container in pod.containers:
            resources = container.get("resources", {})
            for resource in _RESOURCES:
                asked, limit = (resources.get(part, {}).get(resource) for part in ("requests", "limits"))
                if asked is None or limit is None:
                    found.append(f"{pod.title}: {container['name']} has no request or limit of {resource}")
                elif quantity(asked) > quantity(limit):
                    found.append(f"{pod.title}: {container['name']} requests {asked} {resource}, its limit is {limit}")
        for volume in pod.spec.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                found.append(f"{pod.title}: the emptyDir {volume['name']} has no size limit")
    return found


def check_node(documents: list[Document]) -> list[str]:
    """A 4 GB Pi carries what everything asks for, with one trainer at work, and whatever the servers may use with one
    domain, but for the console, which is the first to go; an 8 GB Pi carries one domain scaled up besides, and whatever
    the servers may use with all domains.
    """
    pods = pods_of(documents)
    servers = [pod for pod in pods if pod.owner["kind"] != "CronJob"]
    trainers = [pod for pod in pods if pod.owner["kind"] == "CronJob"]
    free, much = ({name: has - SYSTEM[name] for name, has in node.items()} for node in (NODE, LARGE_NODE))
    found = []
    for resource in NODE:
        asked = sum((_sum(pod, "requests", resource) * _on_one_node(pod) for pod in servers), Decimal(0))
        asked += max(_sum(pod, "requests", resource) * _on_one_node(pod) for pod in trainers)
        scaled = asked + max(_sum(pod, "requests", resource) * _scaled_up(documents, pod) for pod in servers)
        if asked > free[resource]:
            found.append(f"requests of {asked} {resource}, and a 4 GB Pi has {free[resource]} to give")
        if scaled > much[resource]:
            found.append(f"requests of {scaled} {resource} scaled up, and an 8 GB Pi has {much[resource]} to give")
    domains = [_sum(pod, "limits", "memory") for pod in servers if pod.component == "inference"]
    shared = sum((_sum(pod, "limits", "memory") for pod in servers), Decimal(0)) - sum(domains)
    first_to_go = sum(_sum(pod, "limits", "memory") for pod in servers if pod.component == "console")
    if shared - first_to_go + max(domains) > free["memory"]:
        used = shared - first_to_go + max(domains)
        found.append(f"servers may use {used} memory, and a 4 GB Pi has {free['memory']} to give")
    if shared + sum(domains) > much["memory"]:
        found.append(f"servers may use {shared + sum(domains)} memory, and an 8 GB Pi has {much['memory']} to give")
    for pod in pods:
        if _sum(pod, "limits", "memory") > free["memory"]:
            found.append(f"{pod.title} may use more memory than a 4 GB Pi has to give")
    return found


def check_cache(documents: list[Document]) -> list[str]:
    """An inference server's cache fits into its volume."""
    found = []
    for pod in pods_of(documents):
        if pod.component != "inference":
            continue
        names = [source["configMapRef"]["name"] for source in pod.containers[0]["envFrom"]]
        data = next(each["data"] for each in of_kind(documents, "ConfigMap") if each["metadata"]["name"] in names)
        mounts = {mount["mountPath"]: mount["name"] for mount in pod.containers[0]["volumeMounts"]}
        claim = pod.claim_templates.get(mounts.get(data["PIPIT_SERVING_CACHE_DIR"], ""))
        if claim is None:
            found.append(f"{pod.title} has no volume of its own for its cache")
        elif int(data["PIPIT_SERVING_CACHE_MIB"]) * 1024**2 > quantity(
            claim["spec"]["resources"]["requests"]["storage"]
        ):
            found.append(f"{pod.title}: its cache may grow larger than its volume")
    return found


def _on_one_node(pod: Pod) -> int:
    """How many of these pods one node may get at once."""
    for constraint in pod.spec.get("topologySpreadConstraints", ()):
        if constraint["whenUnsatisfiable"] == "DoNotSchedule":
            return 1
    return pod.replicas


def _scaled_up(documents: list[Document], pod: Pod) -> int:
    """How many more an autoscaler may add."""
    for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if f"{target['kind']} {target['name']}" == pod.title:
            return int(scaler["spec"]["maxReplicas"]) - pod.replicas
    return 0


def _sum(pod: Pod, part: str, resource: str) -> Decimal:
    return sum((quantity(each["resources"][part][resource]) for each in pod.containers), Decimal(0))


def _quantities(documents: list[Document]) -> Iterator[tuple[str, str, Any]]:
    for pod in pods_of(documents):
        for container in pod.containers:
            for part in ("requests", "limits"):
                for resource, text in container.get("resources", {}).get(part, {}).items():
                    yield f"{pod.title}: {container['name']} {part}", resource, text
        for volume in pod.spec.get("volumes", ()):
            if "sizeLimit" in volume.get("emptyDir", {}):
                yield f"{pod.title}: volume {volume['name']}", "size", volume["emptyDir"]["sizeLimit"]
        for name, claim in pod.claim_templates.items():
            yield f"{pod.title}: claim {name}", "storage", claim["spec"]["resources"]["requests"]["storage"]
    for claim in of_kind(documents, "PersistentVolumeClaim"):
        yield title(claim), "storage", claim["spec"]["resources"]["requests"]["storage"]
