"""`pipit promote` and `pipit rollback`: which version an environment points to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.output import JsonOption, plain, print_json, print_json_line, print_line, say
from pipit.cli.registry import RegistryOption, connected, connected_fleet, print_gates
from pipit.cli.rollout_follow import TimeoutOption, end, follow, how_to_follow, show
from pipit.cli.rollout_view import plan
from pipit.errors import GatesFailed, InvalidInput
from pipit.fleet import Rollout, Started

TaskArgument = Annotated[str, typer.Argument(help='"domain.task".')]
EnvironmentArgument = Annotated[str, typer.Argument(help="Which environment.")]
ReasonOption = Annotated[str, typer.Option(help="Why; kept in the history.")]


class Profile(StrEnum):
    """How a version goes over the devices."""

    FAST = "fast"
    CAREFUL = "careful"
    AB = "ab"
    NOW = "now"


class WhenSilent(StrEnum):
    """What becomes of a stage in which nobody asks anything."""

    ADVANCE = "advance"
    PAUSE = "pause"
    ABORT = "abort"


def promote(
    task: TaskArgument,
    version: Annotated[str, typer.Argument(help="The version to go to.")],
    environment: Annotated[str, typer.Argument(help="The environment to move.")] = "production",
    *,
    profile: Annotated[
        Profile | None,
        typer.Option(
            help="fast: a device for seconds, some, all; careful: the same over more than an hour; ab: half of them, "
            "until you say which is better; now: all at once, unwatched. (default: fast)"
        ),
    ] = None,
    first: Annotated[
        list[str] | None, typer.Option(metavar="DEVICE", help="Begin with this device. May be repeated.")
    ] = None,
    when_silent: Annotated[
        WhenSilent | None,
        typer.Option(help="What to do with a stage in which nobody asks anything. (default: pause)"),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Run it unheard beside what answers, on devices that it has not reached.")
    ] = False,
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Take the place of the rollout that is under way.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show it until it has ended; code 13 if it was stopped.")
    ] = False,
    timeout: TimeoutOption = 0.0,
    reason: ReasonOption = "",
    override_gates: Annotated[
        bool, typer.Option("--override-gates", help="Promote all the same; needs --reason, and the history keeps it.")
    ] = False,
    expected_revision: Annotated[
        int | None, typer.Option(min=0, help="Only if the environment is at this revision (see pipit models --json).")
    ] = None,
    newer_than: Annotated[
        int,
        typer.Option(
            min=0,
            help="At once, and count on from this move: after a backup was restored, as devices ask for it.",
        ),
    ] = 0,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Lead an environment to a version: one device first, then some, then all; back by itself if it is worse.

    Every device fetches and proves it before the first one serves it. The first promotion of an environment, or one
    that no device follows, moves at once. The version has to pass its quality gates, and production takes nothing that
    SYNTHETIC data made. The exit code is 6 if it is refused, 7 if somebody else moved the environment at the same
    moment or a rollout is under way, 13 if --wait saw it stopped.

    For example:
      pipit promote TASK 1.2.0 staging
      pipit promote TASK 1.2.0 --wait --reason "two weeks in staging without a false alarm"
      pipit promote TASK 1.2.0 --profile careful --first pi-attic
      pipit promote TASK 1.2.0 --profile now
    """
    led = profile not in (None, Profile.NOW) or first or when_silent or shadow or supersede or wait
    if newer_than and led:
        raise InvalidInput("--newer-than moves at once; give it no other --profile, and nothing that a rollout needs")
    with connected_fleet(registry) as client:
        try:
            if newer_than:
                started = _move_at_once(
                    task,
                    version,
                    environment,
                    registry,
                    reason=reason,
                    override_gates=override_gates,
                    expected_revision=expected_revision,
                    newer_than=newer_than,
                )
            else:
                started = client.start_rollout(
                    task,
                    version,
                    environment,
                    reason=reason,
                    override_gates=override_gates,
                    profile=profile or "",
                    first=tuple(first or ()),
                    when_silent=when_silent or "",
                    supersede=supersede,
                    shadow=shadow,
                    expected_revision=expected_revision,
                )
        except GatesFailed:
            _show_refusal(task, version, registry, json)
            raise
        show_started(started, json=json, more=wait)
        if not wait or started.rollout is None:
            return
        last = show(follow(client, task, environment, started.rollout.id, timeout=timeout), json=json)
    end(last, json=json)


def show_started(started: Started, *, json: bool, more: bool = False) -> None:
    """What began, or that it moved at once, and why. more: further lines of JSON follow."""
    rollout = started.rollout
    if json:
        (print_json_line if more else print_json)({"promoted": rollout is None, **plain(started)})
        return
    print_gates(started.gates)
    if any(not gate.passed for gate in started.gates):
        say("pipit: promoted against its gates; the history says so")
    if rollout is None:
        print_line(points_to(started))
        return
    for line in began(rollout):
        print_line(line)


def points_to(started: Started) -> str:
    """Where the environment was moved at once, and why at once; with rich's markup."""
    environment = started.environment
    why = f". {escape(started.moved_at_once)}" if started.moved_at_once else ""
    where = escape(f"{environment.name} of {environment.task}")
    return f"{where} points to [bold]{escape(environment.version)}[/bold]{why}"


def began(rollout: Rollout) -> tuple[str, ...]:
    """What is going to happen, and how to follow it; with rich's markup."""
    ways = f"from {rollout.from_version} to [bold]{escape(rollout.to_version)}[/bold]"
    devices = f"{len(rollout.order)} device{'' if len(rollout.order) == 1 else 's'}"
    return (
        f"{escape(rollout.environment)} of {escape(rollout.task)} is on its way {ways}, over {devices}: "
        f"{escape(plan(rollout))}",
        escape(how_to_follow(rollout)),
    )


def _move_at_once(
    task: str,
    version: str,
    environment: str,
    registry: str,
    *,
    reason: str,
    override_gates: bool,
    expected_revision: int | None,
    newer_than: int,
) -> Started:
    """By the plain Promote, which alone knows of `newer_than`."""
    with connected(registry) as client:
        moved = client.promote(
            task,
            version,
            environment,
            reason=reason,
            override_gates=override_gates,
            expected_revision=expected_revision,
            newer_than=newer_than,
        )
    return Started(None, "", moved.environment, moved.gates)


def _show_refusal(task: str, version: str, registry: str, json: bool) -> None:
    with connected(registry) as client:
        gates = client.get_version(task, version).version.gates
    if json:
        print_json({"promoted": False, "gates": gates})
    else:
        print_gates(gates)


def rollback(
    task: TaskArgument,
    environment: EnvironmentArgument = "production",
    *,
    reason: ReasonOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Point an environment back to the version it had before, at once; no version number needed.

    While a rollout is under way this stops it: the environment stays at the version that the rollout began from.

    For example:
      pipit rollback TASK
      pipit rollback TASK staging --reason "barks at the doorbell"
    """
    with connected(registry) as client:
        result = client.rollback(task, environment, reason=reason)
    if json:
        print_json(result)
    else:
        print_line(f"{environment} of {task} is back at [bold]{result.version}[/bold]")
