"""`pipit label add`: one label for one example."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from pipit.cli.label.connection import TaskArgument, connected_labels, new_event
from pipit.cli.output import print_line
from pipit.cli.registry import RegistryOption
from pipit.labels import Kind


def add(
    task: TaskArgument,
    example: Annotated[str, typer.Argument(metavar="EXAMPLE", help="The example's id.")],
    label: Annotated[str, typer.Argument(metavar="LABEL", help='What it is; "" if none of the labels fits.')],
    *,
    registry: RegistryOption = "",
) -> None:
    """Say what an example is.

    What was said before stays: of one person the last word counts, and two who disagree make a disagreement.

    For example:
      pipit label add TASK 20261129-0123456789abcdef0123456789abcdef dog
    """
    with connected_labels(registry) as (examples, labels):
        found = examples.get_example(task, example)
        labels.append(task, str(uuid.uuid4()), [new_event(Kind.LABEL, found.id, label)])
    print_line(f"{found.id} is {label or 'none of the labels'}")
