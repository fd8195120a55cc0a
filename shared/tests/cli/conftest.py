"""Calling `pipit` as a user does, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from pipit.cli.main import app
from typer.testing import CliRunner


@dataclass(frozen=True)
class Called:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which has to be nothing but JSON."""
        return json.loads(self.out)


Pipit = Callable[..., Called]


@pytest.fixture(autouse=True)
def silent_log() -> Iterator[None]:
    """Servers that a test runs in this process must not write to the standard output of the command."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()


@pytest.fixture
def pipit(monkeypatch: pytest.MonkeyPatch) -> Pipit:
    """`pipit("keys", "show", path)`. Settings of the machine are left out."""
    for name in ("REGISTRY", "SERVER", "TOKEN", "DATA", "DATA_MIRROR", "RUNS", "SIGNING_KEY"):
        monkeypatch.delenv(f"PIPIT_{name}", raising=False)
    # A process sets up its log once; here many commands run in one, each with a standard error of its own.
    monkeypatch.setattr("pipit.cli.main.configure_logging", lambda *_: None)

    def call(*arguments: object) -> Called:
        result = CliRunner(env={"COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], prog_name="pipit"
        )
        return Called(result.exit_code, result.stdout, result.stderr)

    return call
