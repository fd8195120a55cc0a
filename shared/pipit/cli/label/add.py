"""`pipit label add`: one label for one example."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.label.connection import TaskArgument, connected_labels, new_event
from pipit.cli.output import print_line
from pipit.cli.registry import RegistryOption, connected
from pipit.errors import InvalidInput
from pipit.labels import Kind
from pipit.labels.gathering import all_events, bundle_labels
from pipit.labels.resolution import standing


def add(
    task: TaskArgument,
    example: Annotated[str, typer.Argument(metavar="EXAMPLE", help="The example's id.")],
    label: Annotated[str, typer.Argument(metavar="LABEL", help='What it is; "" if none of the labels fits.')],
    *,
    new: Annotated[bool, typer.Option("--new", help="The label is a new one of the task.")] = False,
    registry: RegistryOption = "",
) -> None:
    """Say what an example is.

    What was said before stays: of one person the last word counts, and two who disagree make a disagreement.

    For example:
      pipit label add TASK 20261129-0123456789abcdef0123456789abcdef dog
    """
    with connected_labels(registry) as (examples, labels), connected(registry) as client:
        found = examples.get_example(task, example)
        events = [new_event(Kind.LABEL, found.id, label)]
        known = {*bundle_labels(client, task)}
        if label and label not in known:
            known |= {event.label for event in standing(all_events(labels, task)) if event.kind is Kind.ADD_LABEL}
        if label and label not in known:
            if not new:
                names = ", ".join(sorted(known)) or "it has none yet"
                raise InvalidInput(f"{label!r} is no label of {task} ({names}); --new makes it one")
            events.insert(0, new_event(Kind.ADD_LABEL, "", label))
        labels.append(task, str(uuid.uuid4()), events)
    print_line(f"{found.id} is {escape(label) or 'none of the labels'}")
