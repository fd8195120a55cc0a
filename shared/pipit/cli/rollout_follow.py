"""Following a rollout to its end: a table that changes in place on a terminal, else a line for each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from pipit.cli.durations import duration
from pipit.cli.exit_codes import ExitCode
from pipit.cli.output import plain, print_json_line, print_line, say
from pipit.cli.rollout_view import line_of, table_of, what_matters
from pipit.errors import DeadlineExceeded, Unavailable
from pipit.fleet import FleetClient, Rollout, RolloutState, RolloutView

TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait no longer than this; 0: to its end.")
]
PATIENCE = 60.0
"""Seconds without an answer of the registry, which may be starting again."""
RETURN_SECONDS = 30.0
"""After a stop: how long devices that go back are waited for."""
_POLL_SECONDS = 1.0
_WAYS_BACK = frozenset(("serving", "swapping"))


def follow(
    client: FleetClient,
    task: str,
    environment: str,
    identity: str = "",
    *,
    timeout: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[RolloutView]:
    """What can be seen of a rollout, each second until it has ended and, after a stop, until its devices are back.

    identity: empty for the one that is open, or the last one. timeout: seconds; 0: none. A registry that does not
    answer is asked again for PATIENCE seconds. Raises NotFound, and DeadlineExceeded when the time is over.
    """
    view = client.get_rollout(task, environment, identity)
    begin, answered, ended = clock(), clock(), None
    while True:
        yield view
        if not view.rollout.is_open:
            ended = clock() if ended is None else ended
            if not _on_the_way_back(view) or clock() - ended > RETURN_SECONDS:
                return
        if timeout and clock() - begin > timeout:
            raise DeadlineExceeded(
                f"rollout {view.rollout.id} has not ended after {duration(timeout)} and goes on without you; "
                f"pipit rollout watch {task} {environment} shows it"
            )
        sleep(_POLL_SECONDS)
        try:
            view = client.get_rollout(task, environment, view.rollout.id)
            answered = clock()
        except (Unavailable, DeadlineExceeded):
            if clock() - answered > PATIENCE:
                raise


def _on_the_way_back(view: RolloutView) -> bool:
    rollout = view.rollout
    return rollout.state is RolloutState.ABORTED and any(
        lane.lane in _WAYS_BACK and lane.version == rollout.to_version for lane in view.lanes
    )


def show(views: Iterator[RolloutView], *, json: bool = False) -> RolloutView:
    """Shows each as it comes; gives the last one. json: a line for each change. Ctrl-C leaves the rollout as it is."""
    last: RolloutView | None = None
    with ExitStack() as stack:
        live: Live | None = None
        if not json and sys.stdout.isatty():
            live = stack.enter_context(Live(console=Console(), refresh_per_second=8))
        try:
            for view in views:
                changed = last is None or what_matters(last) != what_matters(view)
                last = view
                if live is not None:
                    live.update(table_of(view, datetime.now(UTC), brief=True))
                elif changed and json:
                    print_json_line(plain_view(view))
                elif changed:
                    # One line, however long.
                    typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {line_of(view)}")
        except KeyboardInterrupt:
            if last is not None and last.rollout.is_open:
                say(f"pipit: the rollout goes on without you; {how_to_follow(last.rollout)}")
            raise
    assert last is not None  # `follow` gives one or raises
    return last


def end(view: RolloutView, *, json: bool = False) -> NoReturn:
    """Says how it ended, and ends the command so. json: say nothing, for it stands in the JSON."""
    if not json:
        print_line(outcome(view.rollout))
    succeeded = view.rollout.state is RolloutState.SUCCEEDED
    raise typer.Exit(ExitCode.OK if succeeded else ExitCode.ROLLOUT_STOPPED)


def outcome(rollout: Rollout) -> str:
    """How it ended or stands, in a sentence, with rich's markup."""
    where = escape(f"{rollout.environment} of {rollout.task}")
    why = f": {escape(' '.join(rollout.verdict.sentence.split()))}" if rollout.verdict else ""
    if rollout.state is RolloutState.SUCCEEDED:
        return f"[green]{where} points to [bold]{rollout.to_version}[/bold][/green]{why}"
    if rollout.state is RolloutState.ABORTED:
        return f"[red]stopped, {where} stays at [bold]{rollout.from_version}[/bold][/red]{why}"
    if rollout.state is RolloutState.SUPERSEDED:
        return f"[magenta]another rollout of {where} took its place[/magenta]{why}"
    return f"{where} is on its way to {rollout.to_version}, {rollout.state.value}{why}"


def how_to_follow(rollout: Rollout) -> str:
    """The two commands that people need next."""
    where = f"{rollout.task} {rollout.environment}"
    return f"pipit rollout watch {where} shows it, pipit rollout abort {where} stops it"


def plain_view(view: RolloutView) -> Any:
    """For JSON, which knows no infinity: null."""
    return _finite(plain(view))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
