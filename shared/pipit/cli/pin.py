"""`pipit pin` and `pipit unpin`: one device that keeps its version, wherever its environment points."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.output import JsonOption, plain, print_json, print_line
from pipit.cli.promote import ReasonOption, TaskArgument
from pipit.cli.registry import RegistryOption, connected_fleet

DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Its id; see pipit devices.")]


def pin(
    device: DeviceArgument,
    task: TaskArgument,
    version: Annotated[str, typer.Argument(help="The version to stay at.")],
    *,
    reason: ReasonOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Keep one device at a version: to look at it for longer, or because only this one works there.

    Rollouts leave the device alone, and it plays no part in whether they go on, until it is unpinned.

    For example:
      pipit pin pi-7 TASK 1.2.0 --reason "the microphone of this one needs the old front end"
    """
    with connected_fleet(registry) as client:
        pinned = client.pin(device, task, version, reason)
    if json:
        print_json({"device_id": device, **plain(pinned)})
        return
    print_line(f"{escape(device)} stays at [bold]{escape(pinned.version)}[/bold] of {escape(task)}")
    print_line(escape(f"until pipit unpin {device} {task}"))


def unpin(
    device: DeviceArgument,
    task: TaskArgument,
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Let a device follow its environment again.

    For example:
      pipit unpin pi-7 TASK
    """
    with connected_fleet(registry) as client:
        client.unpin(device, task)
    if json:
        print_json({"device_id": device, "task": task})
    else:
        print_line(escape(f"{device} follows its environment again with {task}"))
