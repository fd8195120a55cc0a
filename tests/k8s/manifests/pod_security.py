"""Pod security `restricted`, which the namespace enforces: what breaks it would never start.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manifests.documents import Document, Pod, named, pods_of

_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def check_pod_security(documents: list[Document]) -> list[str]:
    """Every pod is as the standard wants it, and the namespace enforces it."""
    namespace = named(documents, "Namespace", "pipit")
    labels = {} if namespace is None else namespace["metadata"].get("labels", {})
    found = [f"{pod.title}: {problem}" for pod in pods_of(documents) for problem in _problems(pod)]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        found.append("the namespace does not enforce restricted pod security")
    return found


def _problems(pod: Pod) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(field):
            yield f"{field} is set"
    for volume in pod.spec.get("volumes", ()):
        for kind in set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is a {kind}"
    general = pod.spec.get("securityContext", {})
    for container in pod.containers:
        own = container.get("securityContext", {})
        for problem in (*_rights(own), *_user({**general, **own})):
            yield f"{container['name']} {problem}"
        if any("hostPort" in port for port in container.get("ports", ())):
            yield f"{container['name']} takes a port of the node"


def _rights(context: dict[str, Any]) -> Iterator[str]:
    if context.get("privileged"):
        yield "is privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    capabilities = context.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        # Ours, not the standard's.
        yield "may write to its root file system"


def _user(context: dict[str, Any]) -> Iterator[str]:
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
