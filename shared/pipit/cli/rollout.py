"""`pipit rollout`: a version on its way over the devices of an environment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.app import App, help_text
from pipit.cli.durations import ago, duration
from pipit.cli.output import JsonOption, console, print_json, print_line, print_table
from pipit.cli.promote import EnvironmentArgument, ReasonOption, TaskArgument, promote
from pipit.cli.registry import RegistryOption, connected_fleet
from pipit.cli.rollout_follow import TimeoutOption, end, follow, how_to_follow, outcome, plain_view, show
from pipit.cli.rollout_view import plan, position, table_of
from pipit.fleet import Rollout

IdOption = Annotated[str, typer.Option("--id", help="Which one. (default: the one that is open, or the last one)")]

_HELP = """Watch, pause, stop and explain a version's way over the devices. `pipit promote` begins one.

First every device fetches the version and proves it, without a change. Then one device serves it, then some, then
all. Each stage is watched by what the devices answer, and a version that is worse goes back by itself.
"""
app = App(no_args_is_help=True, help=help_text(_HELP))


_START = """Begin one: the same as `pipit promote`, with the same options.

For example:
  pipit rollout start TASK 1.2.0
  pipit rollout start TASK 1.2.0 --profile ab --shadow
"""
app.command("start", help=help_text(_START))(promote)


@app.command()
def watch(
    task: TaskArgument,
    environment: EnvironmentArgument = "production",
    *,
    identity: IdOption = "",
    timeout: TimeoutOption = 0.0,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Show a rollout while it goes on: its devices by stage, what each rule sees, and what it waits for.

    A terminal shows a table that changes in place; a file or pipe gets a line for each change, with --json an object a
    line. It ends with the rollout: with code 0 if the version serves everywhere, with 13 if it was stopped. Ctrl-C
    ends only the watching.

    For example:
      pipit rollout watch TASK
      pipit rollout watch TASK staging --timeout 600
    """
    with connected_fleet(registry) as client:
        last = show(follow(client, task, environment, identity, timeout=timeout), json=json)
    end(last, json=json)


@app.command()
def explain(
    task: TaskArgument,
    environment: EnvironmentArgument = "production",
    *,
    identity: IdOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Say why a rollout stands where it stands, or why it ended: the rule, its numbers, and the devices.

    Of an A/B (--profile ab) it compares both versions and says which is better, or how much longer it takes to tell.

    For example:
      pipit rollout explain TASK
      pipit rollout explain TASK staging --id r-1a2b --json
    """
    with connected_fleet(registry) as client:
        view = client.get_rollout(task, environment, identity)
    if json:
        print_json(plain_view(view))
        return
    console().print(table_of(view, datetime.now(UTC)), highlight=False)
    for one in view.evidence:
        if one.fires and one.devices:
            print_line(escape(f"{one.rule}: {', '.join(one.devices)}"))
    print_line(outcome(view.rollout))


@app.command("list")
def list_(
    task: Annotated[str, typer.Argument(help="Only of this task. (default: all)")] = "",
    environment: Annotated[str, typer.Argument(help="Only of this environment. (default: all)")] = "",
    *,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """List the rollouts, the newest first, and how they ended.

    For example:
      pipit rollout list
      pipit rollout list TASK production --open
    """
    with connected_fleet(registry) as client:
        rollouts = client.list_rollouts(task, environment, only_open=only_open)
    if json:
        print_json(rollouts)
        return
    if not rollouts:
        print_line("no rollout is open" if only_open else "there was no rollout yet; pipit promote begins one")
        return
    now = datetime.now(UTC)
    print_table(
        ("rollout", "task", "environment", "from", "to", "how far", "began", "took", "who", "decided by"),
        [_row(rollout, now) for rollout in rollouts],
    )
    print_line("pipit rollout explain TASK ENVIRONMENT --id ROLLOUT says why")


def _row(rollout: Rollout, now: datetime) -> tuple[str, ...]:
    return (
        escape(rollout.id),
        escape(rollout.task),
        escape(rollout.environment),
        escape(rollout.from_version) or "-",
        escape(rollout.to_version),
        position(rollout),
        ago(rollout.started_at, now),
        duration(((rollout.ended_at or now) - rollout.started_at).total_seconds()),
        escape(rollout.by),
        escape(rollout.verdict.rule) if rollout.verdict else "",
    )


@app.command()
def pause(
    task: TaskArgument,
    environment: EnvironmentArgument = "production",
    *,
    reason: ReasonOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Let every device stay where it is, until somebody resumes or aborts. Rules that stop a version go on watching.

    For example:
      pipit rollout pause TASK --reason "a closer look at pi-7"
    """
    with connected_fleet(registry) as client:
        _tell(client.pause_rollout(task, environment, reason), json, "paused")


@app.command()
def resume(
    task: TaskArgument,
    environment: EnvironmentArgument = "production",
    *,
    advance: Annotated[
        bool, typer.Option("--advance", help="On to the next stage now, whatever the rules wait for.")
    ] = False,
    reason: ReasonOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Let a paused rollout go on. With --advance also one that waits, as an A/B does once you know which is better.

    For example:
      pipit rollout resume TASK
      pipit rollout resume TASK --advance --reason "1.3.0 has fewer unknowns"
    """
    with connected_fleet(registry) as client:
        _tell(client.resume_rollout(task, environment, reason, advance=advance), json, "goes on")


@app.command()
def abort(
    task: TaskArgument,
    environment: EnvironmentArgument = "production",
    *,
    reason: ReasonOption = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Stop a rollout: every device goes back to the version before, which it still has at hand.

    For example:
      pipit rollout abort TASK --reason "barks at the doorbell"
    """
    with connected_fleet(registry) as client:
        rollout = client.abort_rollout(task, environment, reason)
    if json:
        print_json(rollout)
    else:
        print_line(outcome(rollout))


def _tell(rollout: Rollout, json: bool, what: str) -> None:
    if json:
        print_json(rollout)
        return
    if not rollout.is_open:
        # Past its last stage, as an A/B is after its only one.
        print_line(outcome(rollout))
        return
    print_line(escape(f"{rollout.environment} of {rollout.task} {what}: {position(rollout)} ({plan(rollout)})"))
    print_line(escape(how_to_follow(rollout)))
