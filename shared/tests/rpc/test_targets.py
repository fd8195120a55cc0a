from __future__ import annotations

from typing import Any

import pytest
from pipit.rpc.client import open_channel
from pipit.rpc.targets import is_loopback, names_replicas, with_brackets
from structlog.testing import capture_logs

HERE = (
    "127.0.0.1:50051",
    "127.8.9.10:1",
    "localhost:50051",
    "[::1]:50051",
    "unix:/run/pipit.sock",
    "unix-abstract:pipit",
    "dns:localhost:50051",
    "dns:///localhost:50051",
    "dns:///127.0.0.1:50051",
    "dns://10.0.0.1:53/localhost:50051",
    "ipv4:127.0.0.1:1,127.0.0.2:1",
    "ipv6:[::1]:50051",
)
ELSEWHERE = (
    "10.0.0.1:50051",
    "registry:50050",
    "dns:///pipit-registry.pipit.svc:50050",
    "dns://127.0.0.1:53/registry:50050",
    "ipv4:127.0.0.1:1,10.0.0.1:1",
    "localhost.example.org:50051",
    "127.0.0.1.example.org:50051",
    "[2001:db8::1]:50051",
    "[broken:50051",
    "",
)


@pytest.mark.parametrize("target", HERE)
def test_what_stays_on_this_machine(target: str) -> None:
    assert is_loopback(target)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_what_leaves_this_machine(target: str) -> None:
    assert not is_loopback(target)


@pytest.mark.parametrize(
    ("target", "replicas"),
    [("registry:50050", False), ("dns:///registry:50050", True), ("dns:registry:50050", True), ("dns-1:50050", False)],
)
def test_only_a_name_asked_of_dns_means_all_its_addresses(target: str, replicas: bool) -> None:
    assert names_replicas(target) is replicas


@pytest.mark.parametrize(("target", "warnings"), [("dns:///localhost:1", 0), ("dns:///registry:1", 1)])
def test_a_token_in_plain_text_is_warned_of(target: str, warnings: int) -> None:
    with capture_logs() as logs:
        open_channel(target, "secret").close()

    found: list[Any] = [entry for entry in logs if entry["event"] == "token_in_plain_text"]
    assert [entry["address"] for entry in found] == [target] * warnings


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("::1:50051", "[::1]:50051"),
        ("fe80::1:50051", "[fe80::1]:50051"),
        ("[::1]:50051", "[::1]:50051"),
        ("::1", "::1"),
        ("nas.local:50051", "nas.local:50051"),
        ("dns:///registry:50050", "dns:///registry:50050"),
        ("unix:/run/pipit", "unix:/run/pipit"),
    ],
)
def test_an_address_of_ipv6_needs_no_brackets(given: str, target: str) -> None:
    assert with_brackets(given) == target
