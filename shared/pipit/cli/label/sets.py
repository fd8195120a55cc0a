"""`pipit label freeze` and `sets`: data sets of what people agree on."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.label.connection import TaskArgument, connected_labels
from pipit.cli.output import JsonOption, print_json, print_line, print_table, say
from pipit.cli.registry import RegistryOption, connected
from pipit.errors import InvalidInput
from pipit.labels.gathering import bundle_labels, gather


def freeze(
    task: TaskArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the data set is to be called.")],
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Freeze a data set of every example that people agree on.

    It never changes: what is labelled later makes another one, of another digest. Examples that devices chose at random
    are held out; they measure, and never train. The console also keeps near-duplicates on one side of every split, of
    which this command knows only copies.

    For example:
      pipit label freeze TASK november
    """
    with connected_labels(registry) as (examples, labels), connected(registry) as client:
        frozen = gather(examples, labels, task).freeze(name, bundle_labels(client, task))
        if not frozen.set.items:
            left = ", ".join(f"{count} {why}" for why, count in frozen.left_out.items()) or "there are none"
            raise InvalidInput(f"no example of {task} has a label that people agree on ({left}); label some first")
        kept = labels.put_set(frozen.set)
    command = f"pipit train {task} --additional-data labels://{kept.name}@{kept.digest}"
    if json:
        plain = {"name": kept.name, "digest": kept.digest, "labels": frozen.labels, "held_out": frozen.held_out}
        print_json({**plain, "left_out": frozen.left_out, "command": command})
        return
    print_table(("label", ">items"), [(escape(label), str(count)) for label, count in frozen.labels.items()])
    print_line(f"{escape(kept.name)}@{kept.digest}: {len(kept.items)} items, {frozen.held_out} of them held out")
    for why, count in frozen.left_out.items():
        say(f"left out: {count} {why}")
    print_line(f"next: {escape(command)}")


def sets(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="Only those of this task.")] = "",
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """List the data sets that were frozen, newest first.

    For example:
      pipit label sets TASK
    """
    with connected_labels(registry) as (_, labels):
        found = labels.list_sets(task)
    if json:
        told = ("name", "task", "digest", "labels", "made_by", "made_at")
        print_json([{name: getattr(one, name) for name in told} for one in found])
        return
    if not found:
        print_line("no data set was frozen yet: pipit label freeze TASK NAME")
        return
    print_table(
        ("name", "task", "digest", "made", "by"),
        [
            (
                escape(one.name),
                escape(one.task),
                one.digest[:12],
                "" if one.made_at is None else f"{one.made_at:%Y-%m-%d %H:%M}",
                escape(one.made_by),
            )
            for one in found
        ],
    )
