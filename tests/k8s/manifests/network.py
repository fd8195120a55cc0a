"""Network policies as a graph: who reaches whom, at which port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manifests.documents import Document, matches, of_kind, pods_of

Way = tuple[str, str, int]
"""From a component, to a component, at a port."""

WAYS: set[Way] = {
    ("client", "inference", 50051),
    ("client", "console", 8080),
    ("inference", "registry", 50050),
    ("console", "registry", 50050),
    ("console", "inference", 50051),
    ("console", "prometheus", 9090),
    ("trainer", "registry", 50050),
    ("trainer", "trainer", 2222),
    ("registry", "object-store", 9000),
    ("object-store", "object-store", 9000),
    ("prometheus", "inference", 9464),
    ("prometheus", "registry", 9460),
    ("prometheus", "console", 9470),
    ("prometheus", "object-store", 9000),
    ("prometheus", "alertmanager", 9093),
    ("grafana", "prometheus", 9090),
    ("grafana", "alertmanager", 9093),
}
"""Every way that is needed, all TCP; and names besides."""


@dataclass(frozen=True)
class End:
    """A pod, as policies see it."""

    name: str
    namespace: str
    labels: dict[str, str]
    ports: tuple[tuple[int, str], ...] = ()


_KUBE_DNS = End("dns", "kube-system", {"k8s-app": "kube-dns"}, ((53, "UDP"), (53, "TCP")))
_NEWCOMER = End("newcomer", "pipit", {}, ((80, "TCP"),))
"""A pod that no policy knows."""
_OUTSIDE = (
    End("client", "other", {"pipit/client": "true"}),
    End("stranger", "other", {"app.kubernetes.io/component": "inference"}, ((443, "TCP"),)),
    End("stranger", "kube-system", {"k8s-app": "other"}, ((53, "UDP"), (443, "TCP"))),
)


def check_ways(documents: list[Document]) -> list[str]:
    """Policies open exactly the ways that are needed. Without policies there is nothing to check."""
    if not of_kind(documents, "NetworkPolicy"):
        return []
    inside = [
        End(pod.component, "pipit", pod.labels, tuple((number, protocol) for _, number, protocol in pod.ports()))
        for pod in pods_of(documents)
    ]
    ends = [*inside, _NEWCOMER, _KUBE_DNS, *_OUTSIDE]
    names = {end.name for end in ends}
    wanted = {(*way, "TCP") for way in WAYS if way[0] in names and way[1] in names}
    wanted |= {(end.name, "dns", 53, protocol) for end in (*inside, _NEWCOMER) for protocol in ("UDP", "TCP")}
    is_open = {
        (source.name, target.name, number, protocol)
        for source in ends
        for target in ends
        if "pipit" in (source.namespace, target.namespace)
        for number, protocol in target.ports
        if _may(documents, source, target, number, protocol)
    }
    return [
        *(f"{a} reaches {b} at {port}/{protocol}, and need not" for a, b, port, protocol in sorted(is_open - wanted)),
        *(f"{a} does not reach {b} at {port}/{protocol}" for a, b, port, protocol in sorted(wanted - is_open)),
        *_to_anywhere(documents),
    ]


def _may(documents: list[Document], source: End, target: End, port: int, protocol: str) -> bool:
    return _side(documents, "Egress", source, target, port, protocol) and _side(
        documents, "Ingress", target, source, port, protocol
    )


def _side(documents: list[Document], direction: str, end: End, other: End, port: int, protocol: str) -> bool:
    """Whether this end lets it pass. A pod that no policy of the direction selects lets everything pass."""
    if end.namespace != "pipit":
        return True
    policies = [
        policy["spec"]
        for policy in of_kind(documents, "NetworkPolicy")
        if direction in policy["spec"]["policyTypes"] and matches(policy["spec"]["podSelector"], end.labels)
    ]
    rules = [rule for policy in policies for rule in policy.get(direction.lower()) or ()]
    peers = "to" if direction == "Egress" else "from"
    return not policies or any(
        (not rule.get(peers) or any(_is_peer(peer, other) for peer in rule[peers]))
        and (not rule.get("ports") or any(_is_port(each, port, protocol) for each in rule["ports"]))
        for rule in rules
    )


def _is_peer(peer: dict[str, Any], end: End) -> bool:
    if "ipBlock" in peer:
        return False
    namespace = peer.get("namespaceSelector")
    if namespace is None:
        in_namespace = end.namespace == "pipit"
    else:
        in_namespace = matches(namespace, {"kubernetes.io/metadata.name": end.namespace})
    return in_namespace and matches(peer.get("podSelector", {}), end.labels)


def _is_port(rule: dict[str, Any], port: int, protocol: str) -> bool:
    return rule.get("protocol", "TCP") == protocol and rule.get("port", port) == port


def _to_anywhere(documents: list[Document]) -> list[str]:
    return [
        f"NetworkPolicy {policy['metadata']['name']} has a rule for any address"
        for policy in of_kind(documents, "NetworkPolicy")
        for direction, peers in (("egress", "to"), ("ingress", "from"))
        for rule in policy["spec"].get(direction) or ()
        if not rule.get(peers) or any("ipBlock" in peer for peer in rule[peers])
    ]
