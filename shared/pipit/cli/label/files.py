"""`pipit label export` and `import`: labels and contents, to other programs and from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.label.connection import TaskArgument, connected_labels
from pipit.cli.output import JsonOption, print_json, print_line, say
from pipit.cli.registry import RegistryOption, connected
from pipit.errors import InvalidInput
from pipit.labels.exporting import export_set
from pipit.labels.formats import FORMATS
from pipit.labels.gathering import bundle_labels, gather
from pipit.labels.importing import import_labelled
from pipit.labels.reference import read_reference

FormatOption = Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}.")]


def export(
    task: TaskArgument,
    *,
    notation: FormatOption,
    out: Annotated[Path, typer.Option(help="Where to: a new folder, or a file that ends in .zip.")],
    set_: Annotated[
        str, typer.Option("--set", metavar="NAME@DIGEST", help="A frozen data set. (default: what people agree on now)")
    ] = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Write labels and contents in a format that other programs read.

    For example:
      pipit label export TASK --format coco --out prints.zip
      pipit label export TASK --format folder --out sounds --set november@0123456789ab
    """
    with connected_labels(registry) as (examples, labels), connected(registry) as client:
        if set_:
            frozen = read_reference(set_).fetch(labels)
            if frozen.task != task:
                raise InvalidInput(f"{frozen.name} is a data set of {frozen.task}, not of {task}; name that task")
        else:
            frozen = gather(examples, labels, task).freeze("export", bundle_labels(client, task)).set
        left_out = export_set(frozen, notation, lambda example: examples.read_content(task, example), out)
    written = len(frozen.items) - len(left_out)
    if json:
        print_json({"out": out, "digest": frozen.digest, "items": written, "left_out": left_out})
        return
    for line in left_out:
        say(f"left out: {line}")
    print_line(f"{escape(str(out))}: {written} items of {frozen.digest}")


def import_(
    task: TaskArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder, a zip file, or a list beside its contents.")],
    *,
    notation: FormatOption,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Bring labelled files in, as examples with labels. Bringing them once more adds nothing.

    What can't be used is named, and the rest is taken. Files without a label wait for one.

    For example:
      pipit label import TASK own_sounds --format folder
      pipit label import TASK project-1.zip --format labelstudio
    """
    with connected_labels(registry) as (examples, labels):
        brought = import_labelled(examples, labels, task, path, notation)
    if json:
        print_json(brought)
        return
    for line in brought.problems:
        say(f"left out: {line}")
    print_line(f"{brought.examples} examples of {escape(task)}, {brought.labelled} of them with labels")
