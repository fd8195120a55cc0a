"""`pipit feedback`: what an answer should have been."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.output import JsonOption, print_json, print_line
from pipit.cli.settings import CliSettings
from pipit.client import Client
from pipit.settings import load_settings


def feedback(
    request_id: Annotated[str, typer.Argument(help="Of the answer, as `pipit classify` shows it.")],
    label: Annotated[str, typer.Argument(help='The right label; "" if none of the model\'s fits.')],
    *,
    server: Annotated[str, typer.Option(help="host:port of the server. (default: PIPIT_SERVER)")] = "",
    json: JsonOption = False,
) -> None:
    """Tell a server what an answer should have been. It counts: dashboards show false alarms per hour.

    Each of the last few thousand answers takes one label, on the server that gave it.

    For example:
      pipit feedback 3f2a9c01-17 dog
      pipit feedback 3f2a9c01-18 none
    """
    settings = load_settings(CliSettings)
    with Client(server or settings.server, **settings.access) as client:
        verdict = client.feedback(request_id, label)
    if json:
        print_json(verdict)
        return
    predicted = f"[bold]{escape(verdict.predicted)}[/bold]" if verdict.predicted else "nothing"
    word = "right" if verdict.was_right else "wrong"
    print_line(f"{verdict.model.task} {verdict.model.version} had said {predicted}: counted as {word}")
