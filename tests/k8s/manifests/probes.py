"""How Kubernetes asks a process how it is, and how long it lets it stop."""

from __future__ import annotations

from typing import Any

from manifests.documents import Document, Pod, pods_of
from manifests.settings import environment, own_pods


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
                    variables = environment(documents, container)
                    found += [f"{pod.title}: {kind} {problem}" for problem in _probe(pod, kind, probe, variables)]
    return found


def check_stop(documents: list[Document]) -> list[str]:
    """The pause before the stop and the process's own grace fit into the pod's."""
    found = []
    for pod in own_pods(documents):
        for container in pod.containers:
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            variables = environment(documents, container)
            grace = next((float(value) for name, value in variables.items() if name.endswith("_GRACE_SECONDS")), 0.0)
            if pause + grace >= pod.spec.get("terminationGracePeriodSeconds", 30):
                found.append(f"{pod.title} is killed before {pause} s pause and {grace} s grace are over")
    return found


def _probe(pod: Pod, kind: str, probe: dict[str, Any], variables: dict[str, str]) -> list[str]:
    encrypted = any("_TLS_CERTIFICATE" in name for name in variables)
    if "grpc" in probe:
        service, port = probe["grpc"].get("service", ""), probe["grpc"]["port"]
        problems = ["speaks plain text to a port with TLS"] if encrypted else []
    elif "exec" in probe:
        command = probe["exec"]["command"]
        if command[:3] != ["python", "-m", "pipit.rpc.probe"]:
            return [f"runs {command}, which is no probe of ours"]
        service = command[command.index("--service") + 1] if "--service" in command else ""
        port = int(command[3].rpartition(":")[2])
        problems = [] if encrypted == ("PIPIT_CA" in variables) else ["and the port do not agree on TLS"]
    else:
        port = probe.get("httpGet", probe.get("tcpSocket", {})).get("port")
        return [] if pod.port(port) else [f"asks port {port}, which is not there"]
    wanted = "" if kind == "readinessProbe" else "liveness"
    if service != wanted:
        problems.append(f"asks for the health of {service!r}, not of {wanted!r}")
    if pod.port(port) is None:
        problems.append(f"asks port {port}, which is not there")
    return problems
