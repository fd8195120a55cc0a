"""`pipit history`: who moved an environment, when, from what, to what and why."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import RegistryOption, connected
from pipit.errors import InvalidInput


def history(
    task: Annotated[str, typer.Argument(help='"domain.task".')],
    environment: Annotated[str, typer.Argument(help="Which environment.")] = "production",
    *,
    at: Annotated[
        str, typer.Option(help="Only the move in force at this time: 2026-11-01 (the end of that day) or with a time.")
    ] = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Show who moved an environment, when, from what, to what and why, the oldest move first.

    For example:
      pipit history TASK
      pipit history TASK production --at 2026-11-01
      pipit history TASK staging --at 2026-11-01T18:30+01:00 --json
    """
    moment = parse_moment(at) if at else None
    with connected(registry) as client:
        moves = client.history(task, environment, at=moment)
    if json:
        print_json(moves)
        return
    if not moves:
        print_line(f"{environment} pointed nowhere{f' at {at}' if at else ''}")
        return
    rows = [
        (
            move.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            escape(move.actor),
            escape(move.action) + (" [red]against its gates[/red]" if move.gates_overridden else ""),
            move.from_version or "-",
            move.to_version,
            escape(move.reason),
        )
        for move in moves
    ]
    print_table(("when", "who", "what", "from", "to", "why"), rows)


def parse_moment(text: str) -> datetime:
    """ISO 8601; a time without a zone is local, a day alone means its end. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a day or time such as 2026-11-01 or 2026-11-01T18:30+01:00") from error
    if len(text) <= len("2026-11-01"):
        moment = datetime.combine(moment.date(), time.max)
    return moment.astimezone(UTC)
