"""Inference servers, asked with the token of whoever tries something."""

from __future__ import annotations

from collections.abc import Sequence

from pipit.client.client import Client
from pipit.client.types import Answer
from pipit.errors import NotFound, PipitError, Unavailable
from pipit.rpc.certificates import Access
from pipit.types import ModelState


def ask(servers: Sequence[str], access: Access, task: str, content: bytes) -> Answer:
    """The answer of the first server that has the task.

    Raises NotFound where none has it, Unavailable where none can be reached, and what the server raises.
    """
    if not servers:
        raise Unavailable("this console knows no inference server; name some by PIPIT_CONSOLE_SERVERS")
    failure: PipitError = NotFound(f"no server of {', '.join(servers)} serves {task}; see pipit serve")
    for server in servers:
        with Client(server, task=task, timeout=20.0, **access) as client:
            try:
                models = client.models()
            except PipitError as error:
                failure = error
                continue
            found = next((model for model in models if model.task == task), None)
            if found is None:
                continue
            if found.state is not ModelState.SERVING:
                failure = Unavailable(f"{task} does not answer at {server} yet: {found.reason or found.state.value}")
                continue
            return client.classify(content)
    raise failure
