"""Each check finds what it is for: manifests that are in order, with one thing broken."""

from __future__ import annotations

from typing import Any

import pytest
from manifests import CHECKS
from manifests.breakages import BREAKAGES, Breakage
from manifests.budget import quantity
from manifests.documents import matches, of_kind
from manifests.network import WAYS
from manifests.rendering import Cluster


@pytest.mark.parametrize(("check", "break_it", "says"), BREAKAGES.values(), ids=BREAKAGES)
def test_a_broken_manifest_is_found(check: str, break_it: Breakage, says: str, fullest: Cluster) -> None:
    documents = fullest.documents()
    assert CHECKS[check](documents) == []
    break_it(documents)
    assert says in "\n".join(CHECKS[check](documents))


def test_every_check_has_a_manifest_that_fails_it() -> None:
    assert {check for check, _, _ in BREAKAGES.values()} == set(CHECKS)


@pytest.mark.parametrize("way", sorted(WAYS), ids=lambda way: f"{way[0]} to {way[1]}")
def test_a_way_that_is_missing_is_found(way: tuple[str, str, int], fullest: Cluster) -> None:
    documents = fullest.documents()
    source, target, port = way
    for document in of_kind(documents, "NetworkPolicy"):
        spec = document["spec"]
        if matches(spec["podSelector"], {"app.kubernetes.io/component": target}):
            spec["ingress"] = [
                rule for rule in spec.get("ingress", ()) if port not in [each["port"] for each in rule["ports"]]
            ]
    assert f"{source} does not reach {target} at {port}/TCP" in CHECKS["ways"](documents)


@pytest.mark.parametrize(
    ("text", "value"),
    [("100m", "0.1"), ("2", "2"), (3, "3"), ("1.5Gi", str(3 * 2**29)), ("64Mi", str(2**26)), ("5k", "5000")],
)
def test_quantities(text: Any, value: str) -> None:
    assert str(quantity(text).normalize()) == str(type(quantity(text))(value).normalize())


@pytest.mark.parametrize("text", ["512MB", "1 Gi", "", "-1", "1e", "Mi", "0x10", None])
def test_not_quantities(text: Any) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


def test_selectors_match_as_kubernetes_does() -> None:
    labels = {"a": "1"}
    assert matches({}, labels)
    assert matches({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, labels)
    assert not matches({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, labels)
    assert matches({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, labels)
    assert not matches({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, labels)
