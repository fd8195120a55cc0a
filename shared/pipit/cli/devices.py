"""`pipit devices`: who follows the registry, what each of them runs, and the tokens by which it knows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.app import App, help_text
from pipit.cli.durations import ago, duration
from pipit.cli.output import JsonOption, print_json, print_line, print_table, say
from pipit.cli.registry import RegistryOption, connected_fleet, megabytes
from pipit.errors import NotFound
from pipit.fleet import Device, State, TaskReport

DeviceArgument = Annotated[str, typer.Argument(metavar="ID", help="The device's id.")]
EnvironmentOption = Annotated[str, typer.Option("--environment", help="Only of this environment. (default: all)")]
TaskOption = Annotated[str, typer.Option("--task", help="Only those that have this task. (default: all)")]
_STATES = {State.SERVING: "green", State.REFUSED: "red", State.ROLLING_BACK: "magenta"}

_HELP = """List the devices that follow the registry, and what each of them runs.

A device is known from the moment at which it first asks what to run. One that has a token of its own (`add`) can speak
only for itself, and can be shut out alone.

For example:
  pipit devices
  pipit devices list --task TASK --json | jq -r '.[] | select(.online | not) | .device_id'
"""

app = App()


@app.callback(invoke_without_command=True, help=help_text(_HELP))
def devices(
    context: typer.Context,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """As its help says."""
    if context.invoked_subcommand is None:
        _list("", "", registry, json)


@app.command("list")
def list_(
    *,
    environment: EnvironmentOption = "",
    task: TaskOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """List them all, or those of an environment or a task.

    For example:
      pipit devices list --environment staging
    """
    _list(environment, task, registry, json)


def _list(environment: str, task: str, registry: str, json: bool) -> None:
    with connected_fleet(registry) as client:
        found = client.list_devices(environment, task)
    if json:
        print_json(found)
        return
    if not found:
        print_line("no device is known; one is as soon as it follows this registry (pipit serve --registry)")
        return
    now = datetime.now(UTC)
    print_table(
        ("device", "seen", "environment", "runs", "board", ">°C", ">free", "own token"),
        [
            (
                escape(device.device_id),
                "[green]now[/green]" if device.online else escape(ago(device.last_seen, now)),
                escape(device.environment),
                "\n".join(_runs(device)),
                escape(device.board),
                _temperature(device),
                "" if device.memory_available is None else megabytes(device.memory_available),
                "yes" if device.has_token else "",
            )
            for device in found
        ],
    )
    online = sum(device.online for device in found)
    print_line(f"{online} of {len(found)} online")


def _runs(device: Device) -> Iterable[str]:
    pins = {pin.task: pin.version for pin in device.pins}
    for task in device.tasks:
        pinned = f" [blue]pinned to {escape(pins.pop(task.task))}[/blue]" if task.task in pins else ""
        yield f"{escape(task.task)} {escape(task.active_version) or '-'} {_state(task.state)}{pinned}"
    for name, version in pins.items():
        yield f"{escape(name)} [blue]pinned to {escape(version)}[/blue]"


def _state(state: State) -> str:
    colour = _STATES.get(state, "yellow")
    return f"[{colour}]{state.value.replace('_', ' ')}[/{colour}]"


def _temperature(device: Device) -> str:
    if device.cpu_temperature is None:
        return ""
    return f"{device.cpu_temperature:.0f}" + (" [red]throttled[/red]" if device.throttled else "")


@app.command("show")
def show(device_id: DeviceArgument, *, registry: RegistryOption = "", json: JsonOption = False) -> None:
    """Show all that is known of one device: each task, why a version was refused, pins, heat and memory.

    For example:
      pipit devices show pi-7
    """
    with connected_fleet(registry) as client:
        device = next((one for one in client.list_devices() if one.device_id == device_id), None)
    if device is None:
        raise NotFound(f"no device {device_id} is known; pipit devices lists those that are")
    if json:
        print_json(device)
        return
    now = datetime.now(UTC)
    facts = {
        "seen": "now" if device.online else ago(device.last_seen, now),
        "environment": device.environment,
        "board": device.board,
        "software": device.software,
        "up for": duration(device.up_seconds) if device.up_seconds else "",
        "processor": f"{_temperature(device)} °C" if device.cpu_temperature is not None else "",
        "memory": f"{megabytes(device.memory_available)} free" if device.memory_available is not None else "",
        "token": "of its own" if device.has_token else "that of all devices, or none",
    }
    print_table(
        (escape(device.device_id), ""),
        [(name, text if name == "processor" else escape(text)) for name, text in facts.items() if text],
    )
    if device.tasks:
        print_table(("task", "wanted", "answers", "state", "next version", "why"), map(_task_row, device.tasks))
    for pin in device.pins:
        why = f": {pin.reason}" if pin.reason else ""
        print_line(escape(f"{pin.task} is pinned to {pin.version} since {ago(pin.at, now)} by {pin.by}{why}"))


def _task_row(task: TaskReport) -> tuple[str, ...]:
    refusals = ((task.failed_step, task.reason), (task.candidate_failed_step, task.candidate_reason))
    why = [": ".join(part for part in refusal if part) for refusal in refusals]
    if task.golden_deviation is not None:
        why.append(f"golden samples differ by {task.golden_deviation:.2g} at most")
    if task.standby:
        why.append("the version before is loaded still")
    waiting = f"{escape(task.candidate_version)} {_state(task.candidate_state)}" if task.candidate_version else ""
    return (
        escape(task.task),
        escape(task.desired_version) or "-",
        escape(task.active_version) or "-",
        f"{_state(task.state)} for {duration(task.active_seconds)}" if task.active_version else _state(task.state),
        waiting,
        escape("\n".join(part for part in why if part)),
    )


@app.command("add")
def add(
    device_id: DeviceArgument,
    *,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", help="Its token may ask only for this task. May be repeated.")
    ] = None,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Make a token for one device, which may then speak for this id only. It is shown this once.

    Standard output is the token and nothing else, so that it can go straight to where the device keeps it. Again: a
    new token takes the place of the old one.

    For example:
      pipit devices add pi-7
      pipit devices add pi-7 | ssh pi-7.local 'umask 77 && cat > pipit_token'
    """
    with connected_fleet(registry) as client:
        token, replaced = client.add_device(device_id, tuple(tasks or ()))
    if json:
        print_json({"device_id": device_id, "token": token, "replaced": replaced})
        return
    typer.echo(token)
    if replaced:
        say(f"the token that {device_id} had counts no more")
    say("the line above is shown this once. On the device it takes the place of the token there:")
    say(f"  PIPIT_TOKEN=… PIPIT_SERVING_DEVICE_ID={device_id} pipit serve …")
    say("`make device` does this for the servers that compose runs on a Pi (docs/guides/raspberry-pi.md)")


@app.command("remove")
def remove(device_id: DeviceArgument, *, registry: RegistryOption = "", json: JsonOption = False) -> None:
    """Forget a device: its token counts no more within seconds, on every copy of the registry, and its pins are gone.

    For example:
      pipit devices remove pi-7
    """
    with connected_fleet(registry) as client:
        client.remove_device(device_id)
    if json:
        print_json({"device_id": device_id})
    else:
        print_line(escape(f"{device_id} is forgotten, and its token counts no more"))
