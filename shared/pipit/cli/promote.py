"""`pipit promote` and `pipit rollback`: which version an environment points to."""

from __future__ import annotations

from typing import Annotated

import typer

from pipit.cli.output import JsonOption, print_json, print_line, say
from pipit.cli.registry import RegistryOption, connected, print_gates
from pipit.errors import GatesFailed

TaskArgument = Annotated[str, typer.Argument(help='"domain.task".')]
EnvironmentArgument = Annotated[str, typer.Argument(help="Which environment.")]
ReasonOption = Annotated[str, typer.Option(help="Why; kept in the history.")]


def promote(
    task: TaskArgument,
    version: Annotated[str, typer.Argument(help="The version to point to.")],
    environment: Annotated[str, typer.Argument(help="The environment to move.")] = "production",
    *,
    reason: ReasonOption = "",
    override_gates: Annotated[
        bool, typer.Option("--override-gates", help="Promote all the same; needs --reason, and the history keeps it.")
    ] = False,
    expected_revision: Annotated[
        int | None, typer.Option(min=0, help="Only if the environment is at this revision (see pipit models --json).")
    ] = None,
    newer_than: Annotated[
        int, typer.Option(min=0, help="Count on from this move: after a backup was restored, as devices ask for it.")
    ] = 0,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Point an environment to a version. Devices that follow the environment change over by themselves.

    The version has to pass its quality gates, and production takes nothing that SYNTHETIC data made. The exit code is 6
    if it is refused, 7 if somebody else moved the environment at the same moment.

    For example:
      pipit promote TASK 1.2.0 staging
      pipit promote TASK 1.2.0 --reason "two weeks in staging without a false alarm"
    """
    with connected(registry) as client:
        try:
            result = client.promote(
                task,
                version,
                environment,
                reason=reason,
                override_gates=override_gates,
                expected_revision=expected_revision,
                newer_than=newer_than,
            )
        except GatesFailed:
            gates = client.get_version(task, version).version.gates
            if json:
                print_json({"promoted": False, "gates": gates})
            else:
                print_gates(gates)
            raise
    if json:
        print_json({"promoted": True, "environment": result.environment, "gates": result.gates})
        return
    print_gates(result.gates)
    if any(not gate.passed for gate in result.gates):
        say("pipit: promoted against its gates; the history says so")
    print_line(f"{environment} of {task} points to [bold]{result.environment.version}[/bold]")


def rollback(
    task: TaskArgument,
    environment: Annotated[str, typer.Argument(help="The environment to move.")] = "production",
    *,
    reason: ReasonOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Point an environment back to the version it had before; no version number needed.

    For example:
      pipit rollback TASK
      pipit rollback TASK staging --reason "barks at the doorbell"
    """
    with connected(registry) as client:
        result = client.rollback(task, environment, reason=reason)
    if json:
        print_json(result)
    else:
        print_line(f"{environment} of {task} is back at [bold]{result.version}[/bold]")
