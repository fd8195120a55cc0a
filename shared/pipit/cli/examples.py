"""`pipit examples`: what devices may keep to be labelled, what they kept, and how it is deleted."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.app import App, help_text
from pipit.cli.durations import ago
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import RegistryOption, megabytes
from pipit.cli.settings import CliSettings
from pipit.errors import IntegrityError, InvalidInput
from pipit.examples import Consent, Example
from pipit.examples.client import ExampleClient
from pipit.files import write_atomically
from pipit.settings import load_settings

DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Its id; see pipit devices.")]
TaskArgument = Annotated[str, typer.Argument(help='"domain.task".')]
DeviceOption = Annotated[str, typer.Option("--device", help="Only of this device. (default: all)")]
DayOption = Annotated[str, typer.Option("--day", help="Only of this day, as 20261129, in UTC. (default: all)")]

_HELP = """What devices keep, with consent, so that people can label it: list it, get it, delete it.

For example:
  pipit examples consent pi-7 TASK --text "Anna and Ben: unsure clips may be kept for 30 days" --keep-days 30
  pipit examples list TASK
"""

app = App(no_args_is_help=True)


@app.callback(help=help_text(_HELP))
def examples() -> None:
    """As its help says."""


@contextmanager
def connected_examples(address: str) -> Iterator[ExampleClient]:
    """A client of that registry's examples, or of those of the one in the settings."""
    settings = load_settings(CliSettings)
    with ExampleClient(address or settings.registry, **settings.access) as client:
        yield client


@app.command("consent")
def consent(
    device: DeviceArgument,
    task: TaskArgument,
    *,
    text: Annotated[str, typer.Option("--text", help="What the people concerned agreed to, in their words.")],
    band: Annotated[
        tuple[float, float], typer.Option("--band", help="Keep inputs whose best score lies from here to there.")
    ] = (0.4, 0.6),
    rate: Annotated[float, typer.Option("--rate", help="Share of those that are kept.")] = 0.1,
    random_rate: Annotated[float, typer.Option("--random-rate", help="Share of all inputs that are kept.")] = 0.01,
    quota_mb: Annotated[float, typer.Option("--quota-mb", help="Of the device's disk, for this task.")] = 100.0,
    keep_days: Annotated[
        int, typer.Option("--keep-days", help="Then the registry deletes them, labelled or not; 0: never.")
    ] = 90,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Let a device keep inputs that a model was unsure of, so that people can label them.

    Nothing is kept without this. The text is stored with who gave it and when. Given again, it takes the place of the
    one before.

    For example:
      pipit examples consent pi-7 TASK --text "Anna and Ben: unsure clips may be kept for 30 days" --keep-days 30
      pipit examples consent pi-7 TASK --text "…" --band 0.3 0.7 --rate 0.5 --random-rate 0
    """
    wanted = Consent(
        device,
        task,
        text,
        low=band[0],
        high=band[1],
        rate=rate,
        random_rate=random_rate,
        quota_bytes=round(quota_mb * 1e6),
        keep_days=keep_days,
    )
    with connected_examples(registry) as client:
        given = client.give_consent(wanted)
    if json:
        print_json(given)
    else:
        print_line(escape(f"{device} may keep inputs of {task}; pipit examples withdraw {device} {task} ends it"))


@app.command("withdraw")
def withdraw(
    device: DeviceArgument, task: TaskArgument, *, registry: RegistryOption = "", json: JsonOption = False
) -> None:
    """Let a device keep nothing more. What it kept and did not send yet is deleted there.

    What the registry has stays until it is too old, or `pipit examples delete` deletes it.

    For example:
      pipit examples withdraw pi-7 TASK
    """
    with connected_examples(registry) as client:
        client.withdraw_consent(device, task)
    if json:
        print_json({"device_id": device, "task": task})
    else:
        print_line(escape(f"{device} keeps nothing more of {task}"))
        print_line(escape(f"pipit examples delete {task} --device {device} deletes what was sent before"))


@app.command("consents")
def consents(*, device: DeviceOption = "", registry: RegistryOption = "", json: JsonOption = False) -> None:
    """List which device may keep what of which task, and who agreed to it.

    For example:
      pipit examples consents --device pi-7
    """
    with connected_examples(registry) as client:
        found = client.list_consents(device)
    if json:
        print_json(found)
        return
    if not found:
        print_line("no device keeps anything; pipit examples consent lets one")
        return
    now = datetime.now(UTC)
    print_table(
        ("device", "task", "scores", ">rate", ">random", ">disk", ">days", "by", "given", "text"),
        [
            (
                escape(one.device_id),
                escape(one.task),
                f"{one.low:g} to {one.high:g}",
                f"{one.rate:g}",
                f"{one.random_rate:g}",
                megabytes(one.quota_bytes),
                str(one.keep_days or "for ever"),
                escape(one.given_by),
                ago(one.given_at, now),
                escape(one.text),
            )
            for one in found
        ],
    )


@app.command("list")
def list_(
    task: TaskArgument,
    *,
    device: DeviceOption = "",
    day: DayOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """List what was kept of a task, in the order in which the registry got it.

    For example:
      pipit examples list TASK --device pi-7 --day 20261129
    """
    with connected_examples(registry) as client:
        found = list(_all(client, task, device, day))
    if json:
        print_json(found)
        return
    print_table(
        ("id", "device", "why", "what", ">size", "answer", ">score", "name"),
        [
            (
                escape(one.id),
                escape(one.device_id),
                one.reason.value,
                escape(one.media_type),
                megabytes(one.bytes),
                *map(escape, _answer(one)),
                escape(one.name),
            )
            for one in found
        ],
    )
    print_line(f"{len(found)} examples, {megabytes(sum(one.bytes for one in found))}")


def _all(client: ExampleClient, task: str, device: str, day: str) -> Iterator[Example]:
    after, more = "", True
    while more:
        page = client.list_examples(task, after, device_id=device, day=day)
        yield from page.examples
        after, more = page.next, page.more


def _answer(example: Example) -> tuple[str, str]:
    """What was said of its first part."""
    if not example.parts:
        return "", ""
    part = example.parts[0]
    return part.label or ("unknown" if part.unknown else ""), f"{part.scores[0].score:.2f}" if part.scores else ""


@app.command("get")
def get(
    task: TaskArgument,
    identity: Annotated[str, typer.Argument(metavar="ID", help="As pipit examples list shows it.")],
    *,
    to: Annotated[Path | None, typer.Option("--to", help="File to write. (default: its id, here)")] = None,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Write one example's content to a file.

    For example:
      pipit examples get TASK 20261129-0123456789abcdef0123456789abcdef --to hall.wav
    """
    with connected_examples(registry) as client:
        example = client.get_example(task, identity)
        content = client.read_content(task, identity)
    if hashlib.sha256(content).hexdigest() != example.sha256:
        raise IntegrityError(f"the content of {identity} came damaged; get it again, and look at the registry's disk")
    path = to or Path(identity + (mimetypes.guess_extension(example.media_type) or ""))
    write_atomically(path, content)
    if json:
        print_json({"path": path, "example": example})
    else:
        print_line(escape(f"{path}: {example.media_type}, {megabytes(len(content))}"))


@app.command("delete")
def delete(
    task: TaskArgument,
    *,
    identity: Annotated[str, typer.Option("--id", help="This one.")] = "",
    device: DeviceOption = "",
    day: DayOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Delete examples for good: one, those of a device, of a day, or of both.

    They stay deleted, also when a device sends them again. Data sets that were frozen before name them still, and can
    no longer train with them.

    For example:
      pipit examples delete TASK --device pi-7
      pipit examples delete TASK --device pi-7 --day 20261129 --yes
    """
    if not (identity or device or day):
        raise InvalidInput("say which examples to delete: --id, --device, --day, or several of them")
    of = [f"{identity}" if identity else "every example", f"of {device}" if device else "", f"of {day}" if day else ""]
    if not yes:
        typer.confirm(f"Delete {' '.join(filter(None, of))} of {task} for good?", abort=True, err=True)
    with connected_examples(registry) as client:
        deleted = client.delete_examples(task, identity, device, day)
    if json:
        print_json({"deleted": deleted})
    else:
        print_line(f"{deleted} deleted")


@app.command("departures")
def departures(
    *,
    device: DeviceOption = "",
    task: Annotated[str, typer.Option("--task", help="Only of this task. (default: all)")] = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Show what left which device: how many examples of each day, and how many of them are deleted since.

    For example:
      pipit examples departures --device pi-7
    """
    with connected_examples(registry) as client:
        found = client.departures(device, task)
    if json:
        print_json(found)
        return
    if not found:
        print_line("nothing has left a device")
        return
    print_table(
        ("device", "task", "day", ">examples", ">size", ">deleted since"),
        [
            (
                escape(row.device_id),
                escape(row.task),
                row.day,
                str(row.examples),
                megabytes(row.bytes),
                str(row.deleted),
            )
            for row in found
        ],
    )
