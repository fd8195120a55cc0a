"""The commands of `pipit faces` that are about faces which nobody enrolled: who they are, and who they are not."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipit.cli.faces_options import (
    AnotherOption,
    ByOption,
    CropsOption,
    PurposeOption,
    ServerOption,
    TaskOption,
    UntilOption,
    WhoArgument,
    connected,
    show_enrolled,
)
from pipit.cli.faces_output import print_unknown
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.inputs.suffixes import PICTURES


def unknown(
    *,
    folder: Annotated[Path | None, typer.Option("--to", help="Write the best picture of each here.")] = None,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """List faces that were seen at least three times in the last 24 hours and are nobody's.

    A server keeps them only if it is told to (PIPIT_SERVING_KEEP_UNKNOWN), sealed, on that device alone.

    For example:
      pipit faces unknown --to seen/
      pipit faces name 7c21ab90 Jo --consent-by "Jo Smith" --purpose door
    """
    with connected(server, task) as client:
        seen = client.unknown()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for cluster in seen.clusters:
            (folder / f"{cluster.id}.png").write_bytes(cluster.crop)
    if json:
        clusters = [{**_fields(cluster), "crop": base64.b64encode(cluster.crop).decode()} for cluster in seen.clusters]
        print_json({"kept": seen.kept, "single": seen.single, "clusters": clusters})
    else:
        print_unknown(seen, folder)


def name(
    cluster: Annotated[str, typer.Argument(help="As `pipit faces unknown` shows it.")],
    name: Annotated[str, typer.Argument(help="Who that is.")],
    *,
    consent_by: ByOption,
    purpose: PurposeOption,
    until: UntilOption = "",
    keep_crops: CropsOption = False,
    another: AnotherOption = False,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Make somebody known by faces that were seen, once they have agreed.

    For example:
      pipit faces name 7c21ab90 Jo --consent-by "Jo Smith" --purpose door
    """
    with connected(server, task) as client:
        enrolled = client.name(
            cluster,
            name,
            consent_by=consent_by,
            purpose=purpose,
            until=until,
            keep_crops=keep_crops,
            another=another,
        )
    show_enrolled(enrolled, json)


def ignore(
    cluster: Annotated[str, typer.Argument(help="As `pipit faces unknown` shows it.")],
    *,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Show a cluster no more: its pictures are deleted, and faces like it are not kept.

    For example:
      pipit faces ignore 7c21ab90
    """
    with connected(server, task) as client:
        faces = client.ignore(cluster)
    if json:
        print_json({"cluster": cluster, "faces": faces})
    else:
        print_line(f"shown no more: {faces} faces")


def exclude(
    face: Annotated[str, typer.Argument(metavar="CLUSTER_OR_PICTURE", help="A picture file, or an unknown cluster.")],
    person: WhoArgument,
    *,
    server: ServerOption = "",
    task: TaskOption = "",
    json: JsonOption = False,
) -> None:
    """Say that a face is not a person's who was named: that person's limit learns it, nobody else's.

    The face's numbers stay with the person until the person is forgotten; no picture of it is kept.

    For example:
      pipit faces not wrong.jpg Anna
      pipit faces not 7c21ab90 Anna
    """
    path = Path(face)
    is_file = path.exists() or path.suffix.lower() in PICTURES
    with connected(server, task) as client:
        known = client.exclude(person, picture=path) if is_file else client.exclude(person, cluster=face)
    if json:
        print_json(known)
    else:
        print_line(f"faces that are not {escape(known.name)}'s: {known.excluded}")


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass with slots."""
    return {name: getattr(value, name) for name in value.__slots__}
