from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from model_registry.server import RegistryServer
from pipit.labels.client import LabelClient

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def labels_of() -> Iterator[Callable[..., LabelClient]]:
    """A client of a registry's labels."""
    with ExitStack() as stack:

        def connect(server: RegistryServer, token: str | None = None) -> LabelClient:
            return stack.enter_context(LabelClient(f"127.0.0.1:{server.port}", token))

        yield connect
