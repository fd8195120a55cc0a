"""Who calls, as the registry sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from model_registry.server import RegistryServer
from pipit.errors import Unauthenticated
from pipit.fleet import FleetClient
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from pipit.rpc.callers import ANYBODY, Caller, Role

Connect = Callable[..., RegistryClient]


def test_without_tokens_everybody_is_anybody(client: RegistryClient) -> None:
    assert client.who_am_i() is ANYBODY


def test_a_token_says_who_one_is_and_what_one_may(
    start: Callable[..., RegistryServer], connect: Connect, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(
        f"callers:\n  - {{name: anna, roles: [labeller, operator], sha256: {hash_token('anna')}}}\n"
        f"  - {{name: ben, roles: [reader], tasks: [test.b, test.a], sha256: {hash_token('ben')}}}\n"
    )
    server = start(tokens=tokens)
    assert connect(server, "anna").who_am_i() == Caller("anna", frozenset({Role.LABELLER, Role.OPERATOR}))
    assert connect(server, "ben").who_am_i() == Caller("ben", frozenset({Role.READER}), frozenset({"test.a", "test.b"}))
    with FleetClient(f"127.0.0.1:{server.port}", "anna") as fleet:
        token, _ = fleet.add_device("pi-7", ["test.a"])
    of_device = connect(server, token).who_am_i()
    assert (of_device.device, of_device.roles, of_device.tasks) == (
        "pi-7",
        frozenset({Role.DEVICE}),
        frozenset({"test.a"}),
    )
    with pytest.raises(Unauthenticated):
        connect(server, "nobody's").who_am_i()
