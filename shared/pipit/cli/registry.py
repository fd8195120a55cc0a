"""What the registry's commands share: the connection, and how a version, a gate and a size are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipit.cli.output import mark, plain, print_table
from pipit.cli.settings import CliSettings
from pipit.fleet.client import FleetClient
from pipit.registry import RegistryClient
from pipit.registry.types import GateResult, Version
from pipit.settings import load_settings

RegistryOption = Annotated[str, typer.Option("--registry", help="host:port of the registry. (default: PIPIT_REGISTRY)")]


@contextmanager
def connected_fleet(address: str) -> Iterator[FleetClient]:
    """A client of that registry's fleet service; `address` as in `connected`."""
    settings = load_settings(CliSettings)
    with FleetClient(address or settings.registry, **settings.access) as client:
        yield client


@contextmanager
def connected(address: str) -> Iterator[RegistryClient]:
    """A client of the registry at `address`, or of the one in the settings."""
    settings = load_settings(CliSettings)
    with RegistryClient(address or settings.registry, **settings.access) as client:
        yield client


def print_gates(gates: Iterable[GateResult]) -> None:
    """One row a gate: what was promised and what was measured."""
    rows = [
        (
            escape(gate.name),
            escape(gate.metric),
            f"{gate.comparison} {gate.limit:g}",
            "not measured" if gate.value is None else f"{gate.value:.4g}",
            mark(gate.passed),
        )
        for gate in gates
    ]
    if rows:
        print_table(("gate", "metric", "has to be", ">is", "passed"), rows)


def plain_version(version: Version) -> dict[str, Any]:
    """A version as JSON shows it."""
    return {**plain(version), "gates_passed": version.gates_passed}


def signers(version: Version) -> str:
    """Who signed it, for people."""
    if not version.signed:
        return "unsigned"
    return f"signed by {', '.join(version.signed_by)}" if version.signed_by else "signed, not checked"


def megabytes(size: int) -> str:
    """For people."""
    return f"{size / 1e6:.1f} MB"
