"""Services, selectors, and addresses that settings name."""

from __future__ import annotations

import re

from manifests.documents import Document, Pod, matches, named, of_kind, pods_of, title


def check_ports(documents: list[Document]) -> list[str]:
    """Port numbers are possible and single; a Service's target is a port of every pod that it selects."""
    found = []
    for pod in pods_of(documents):
        ports = list(pod.ports())
        found += [f"{pod.title} has port {number}" for _, number, _ in ports if not 1 <= number <= 65535]
        for names in ([name for name, _, _ in ports if name], [(number, kind) for _, number, kind in ports]):
            found += [f"{pod.title} has port {name} twice" for name in {n for n in names if names.count(n) > 1}]
    for service in of_kind(documents, "Service"):
        for port in service["spec"]["ports"]:
            if not 1 <= port["port"] <= 65535:
                found.append(f"{title(service)} has port {port['port']}")
            for pod in _selected(documents, service):
                target = port.get("targetPort", port["port"])
                if pod.port(target) is None:
                    found.append(f"{title(service)} leads to port {target}, which {pod.title} does not have")
                elif service["spec"].get("clusterIP") == "None" and pod.port(target) != port["port"]:
                    found.append(f"{title(service)} is headless: callers reach {pod.title} at {pod.port(target)}")
    return found


def check_selectors(documents: list[Document]) -> list[str]:
    """Selectors select: a workload its own pods and nobody else's, Services and budgets some."""
    found = []
    pods = pods_of(documents)
    for pod in pods:
        selector = pod.owner["spec"].get("selector", {"matchLabels": pod.labels})
        selected = [
            other.title for other in pods if matches(selector, other.labels) and "selector" in other.owner["spec"]
        ]
        if "selector" in pod.owner["spec"] and selected != [pod.title]:
            found.append(f"{pod.title} selects the pods of {selected or 'nobody'}")
        for constraint in pod.spec.get("topologySpreadConstraints", ()):
            if not constraint["labelSelector"] or not matches(constraint["labelSelector"], pod.labels):
                found.append(f"{pod.title} is spread among pods that are not its own")
    for service in of_kind(documents, "Service"):
        if not service["spec"].get("selector") or not _selected(documents, service):
            found.append(f"{title(service)} selects no pod")
    for disruptions in of_kind(documents, "PodDisruptionBudget"):
        selector = disruptions["spec"].get("selector", {})
        selected = [pod.title for pod in pods if selector and matches(selector, pod.labels)]
        if len(selected) != 1:
            found.append(f"{title(disruptions)} is for {len(selected)} workloads, not one")
    return found


def check_headless(documents: list[Document]) -> list[str]:
    """Every Service that gRPC calls go to is headless, so that clients see each replica."""
    return [
        f"{title(service)} has a cluster address, which pins a client to one pod"
        for service in of_kind(documents, "Service")
        if any(port.get("name") == "grpc" for port in service["spec"]["ports"])
        and service["spec"].get("clusterIP") != "None"
    ]


def check_addresses(documents: list[Document]) -> list[str]:
    """Each `host:port` in a variable or argument leads to a Service's port."""
    found = []
    for pod in pods_of(documents):
        for text in _texts(documents, pod):
            # MinIO writes http://minio-{0...3}.minio-pods for four hosts.
            plain = re.sub(r"\{\d+\.\.\.\d+\}", "0", text)
            for host, port in re.findall(r"(?:^|[,/=])([\w$().-]+):(\d{2,5})(?=$|[,/])", plain):
                problem = _problem(documents, host, int(port), plain)
                if problem:
                    found.append(f"{pod.title} calls {host}:{port}, {problem}")
    return found


def _problem(documents: list[Document], host: str, port: int, text: str) -> str:
    if host in ("0.0.0.0", "127.0.0.1", "localhost"):
        return ""
    # The name of one pod: <pod>.<governing service>.
    name = host.split(".")[1] if "." in host else host
    service = named(documents, "Service", name)
    if service is None:
        return "but there is no such Service"
    names = [each["name"] for each in service["spec"]["ports"] if each["port"] == port]
    if not names:
        return "but the Service has no such port"
    if names == ["grpc"] and not text.startswith("dns:///"):
        return "which is the first replica alone without dns:/// before it"
    if "." in host and service["spec"].get("clusterIP") != "None":
        return "but only a headless Service names single pods"
    return ""


def _texts(documents: list[Document], pod: Pod) -> list[str]:
    texts = []
    for container in pod.containers:
        texts += container.get("args", [])
        texts += [variable.get("value", "") for variable in container.get("env", ())]
        for source in container.get("envFrom", ()):
            config = named(documents, "ConfigMap", source.get("configMapRef", {}).get("name", ""))
            texts += list((config or {}).get("data", {}).values())
    return texts


def _selected(documents: list[Document], service: Document) -> list[Pod]:
    selector = {"matchLabels": service["spec"].get("selector", {})}
    return [pod for pod in pods_of(documents) if matches(selector, pod.labels)]
