from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from model_registry.server import RegistryServer
from pipit.examples.client import ExampleClient
from pipit.rpc.auth import hash_token

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def examples_of() -> Iterator[Callable[..., ExampleClient]]:
    """A client of a registry's examples."""
    with ExitStack() as stack:

        def connect(server: RegistryServer, token: str | None = None) -> ExampleClient:
            return stack.enter_context(ExampleClient(f"127.0.0.1:{server.port}", token))

        yield connect


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A token for each role, which is called as the role is."""
    path = tmp_path / "tokens.yaml"
    roles = ("labeller", "operator", "publisher", "reader", "device")
    lines = [f"  - {{name: {role}, roles: [{role}], sha256: {hash_token(role)}}}" for role in roles]
    path.write_text("\n".join(["callers:", *lines, ""]))
    return path
