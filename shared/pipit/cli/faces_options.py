"""What the commands of `pipit faces` share: options, the connection, and how an enrolment is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipit.cli.faces_output import print_enrolled, print_verdicts
from pipit.cli.output import print_json, say
from pipit.cli.settings import CliSettings
from pipit.client.faces import FacesClient
from pipit.client.faces_types import Enrolled
from pipit.settings import load_settings

PicturesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PICTURES...", help="Pictures (JPEG, PNG and so on), or folders of them."),
]
ServerOption = Annotated[str, typer.Option(help="host:port of the server. (default: PIPIT_SERVER)")]
TaskOption = Annotated[str, typer.Option(help="Not needed where only one task of the server names faces.")]
ByOption = Annotated[str, typer.Option("--consent-by", help="Who agreed to be known. Nobody is enrolled without.")]
PurposeOption = Annotated[str, typer.Option("--purpose", help="What for, in a few words.")]
UntilOption = Annotated[str, typer.Option("--until", help="The last day that the consent holds. (default: no end)")]
CropsOption = Annotated[
    bool, typer.Option("--keep-crops", help="Keep the cut-out faces, sealed: a new model then needs no new pictures.")
]
AnotherOption = Annotated[bool, typer.Option("--another", help="Somebody new, although the name is taken.")]
LargestOption = Annotated[bool, typer.Option("--largest", help="Of a picture with several faces, take the largest.")]
WhoArgument = Annotated[str, typer.Argument(metavar="PERSON", help="Name, or id where two share a name.")]
TimeoutOption = Annotated[float, typer.Option(min=0.001, help="Seconds for all pictures together.")]


@contextmanager
def connected(server: str, task: str, timeout: float = 60.0) -> Iterator[FacesClient]:
    """A client of the server that is meant, or of the one in the settings."""
    settings = load_settings(CliSettings)
    with FacesClient(server or settings.server, task=task, timeout=timeout, **settings.access) as client:
        yield client


def show_enrolled(enrolled: Enrolled, json: bool) -> None:
    """As a table or as JSON; what would make the person better known on standard error."""
    if json:
        print_json(enrolled)
        return
    print_verdicts(enrolled.verdicts)
    print_enrolled(enrolled)
    for warning in enrolled.warnings:
        say(f"pipit: {warning}")
