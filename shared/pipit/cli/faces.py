"""`pipit faces`: who is known to a server that names faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.app import App
from pipit.cli.exit_codes import ExitCode
from pipit.cli.faces_options import (
    AnotherOption,
    ByOption,
    CropsOption,
    LargestOption,
    PicturesArgument,
    PurposeOption,
    ServerOption,
    TaskOption,
    TimeoutOption,
    UntilOption,
    WhoArgument,
    connected,
    show_enrolled,
)
from pipit.cli.faces_output import plain_held, print_forgotten, print_people, print_verdicts, save_crops
from pipit.cli.faces_unknown import exclude, ignore, name, unknown
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.client.faces_types import PictureVerdict
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.suffixes import PICTURES

app = App(
    no_args_is_help=True,
    help="""Make people known to a server that names faces, and forget them again.

    People are never a part of a model: they lie sealed in a gallery, live on every device within seconds, and go when
    they are forgotten. All of these commands need a token with the role enroller.
    """,
)


@app.command()
def enrol(
    name: Annotated[str, typer.Argument(help="How the person is called in answers.")],
    pictures: PicturesArgument,
    *,
    consent_by: ByOption,
    purpose: PurposeOption,
    until: UntilOption = "",
    keep_crops: CropsOption = False,
    another: AnotherOption = False,
    person_id: Annotated[str, typer.Option("--id", help="Add the pictures to whoever has this id.")] = "",
    largest: LargestOption = False,
    timeout: TimeoutOption = 120.0,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Make somebody known from pictures, or add pictures to somebody who is.

    5 to 10 pictures of one person are best: a face of at least 100 pixels, sharp, well lit, from the front, a little
    from the left and a little from the right, on different days. A picture that is no use is refused with the reason
    and what helps; the others count. If none can be used, nothing is written.

    For example:
      pipit faces enrol Anna anna/ --consent-by Anna --purpose door
      pipit faces enrol Ben *.jpg --consent-by Ben --purpose door --keep-crops
      pipit faces enrol Ben *.jpg --consent-by Ben --purpose work --until 2027-06-30
      pipit faces enrol Anna her/ --another --consent-by Anna --purpose door
    """
    files = picture_files(pictures)
    verdicts: list[PictureVerdict] = []
    with connected(server, task, timeout) as client:
        try:
            enrolled = client.enrol(
                name,
                files,
                consent_by=consent_by,
                purpose=purpose,
                until=until,
                keep_crops=keep_crops,
                person_id=person_id,
                another=another,
                largest_face=largest,
                judged=verdicts.append,
            )
        except InvalidInput as error:
            if json:
                print_json({"person": None, "verdicts": verdicts, "error": str(error)})
            elif verdicts:
                print_verdicts(verdicts)
            raise
    show_enrolled(enrolled, json)


@app.command()
def check(
    pictures: PicturesArgument,
    *,
    name: Annotated[str, typer.Option(help="Of whom they would be added to.")] = "",
    largest: LargestOption = False,
    timeout: TimeoutOption = 120.0,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Say which pictures could be enrolled, and what is wrong with the others. Nothing is kept.

    The exit code is 12 if no picture could be used.

    For example:
      pipit faces check pictures/anna/
      pipit faces check door.jpg --json | jq '.verdicts[].refusals[].message'
    """
    with connected(server, task, timeout) as client:
        checked = client.check(picture_files(pictures), name, largest_face=largest)
    show_enrolled(checked, json)
    if not checked.accepted:
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command("list")
def list_people(*, server: ServerOption = "", task: TaskOption = "", json: JsonOption = False) -> None:
    """List who is known, by whose consent, for what and until when.

    For example:
      pipit faces list
      pipit faces list --json | jq -r '.[] | select(.in_force | not) | .name'
    """
    with connected(server, task) as client:
        people = client.people()
    if json:
        print_json(people)
    else:
        print_people(people)


@app.command()
def forget(
    person: WhoArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Delete everything that is held about somebody, everywhere, for good.

    The key that opens the person's record goes first. Each device deletes its sealed copy and says so; those that have
    not yet (switched off, out of reach) are listed, and do it when they are back.

    For example:
      pipit faces forget Anna
      pipit faces forget Anna --yes --json | jq '.devices'
    """
    if not yes:
        typer.confirm(f"Forget {person!r} for good, on every device?", abort=True, err=True)
    with connected(server, task) as client:
        forgotten = client.forget(person)
    if json:
        print_json(forgotten)
    else:
        print_forgotten(forgotten)


@app.command()
def export(
    person: WhoArgument,
    *,
    folder: Annotated[Path | None, typer.Option("--to", help="Write person.json and the kept faces here.")] = None,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Give out everything that is held about somebody: what a person may ask for.

    For example:
      pipit faces export Anna --to anna-data/
      pipit faces export Anna --json > anna.json
    """
    with connected(server, task) as client:
        held = client.export(person)
    if json or folder is None:
        print_json(plain_held(held))
        return
    crops = save_crops(held, folder)
    print_line(f"{folder / 'person.json'}, {crops} pictures of the face")


@app.command()
def reembed(
    *, timeout: TimeoutOption = 600.0, server: ServerOption = "", task: TaskOption = "", json: JsonOption = False
) -> None:
    """Make people known to a new embedder, from the faces that they let be kept.

    Templates of the version before stay, so that one can go back. Whoever let nothing be kept is listed, and has to be
    enrolled again.

    For example:
      pipit faces reembed --server staging-pi:50051
    """
    with connected(server, task, timeout) as client:
        result = client.reembed()
    if json:
        print_json(result)
        return
    print_line(f"people who got templates for the embedder that serves now: {len(result.reembedded)}")
    for left in result.left:
        print_line(f"[bold]{escape(left.name)}[/bold] has to be enrolled again: no face was kept that could be used")


def picture_files(paths: list[Path]) -> list[Path]:
    """Files as given, and the pictures in folders, by name. Raises NotFound."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in PICTURES)
            if not inside:
                raise NotFound(f"the folder {path} holds no picture")
            files += inside
        else:
            files.append(path)
    return files


app.command()(unknown)
app.command()(name)
app.command()(ignore)
app.command("not")(exclude)
