"""`pipit demo`: options in, the story on standard error, the result on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.demo.processes import terminated_like_interrupted
from pipit.cli.demo.result import DemoResult, RolloutResult
from pipit.cli.demo.run import DemoOptions, run_demo
from pipit.cli.output import JsonOption, mark, plain, print_json, print_line, print_table
from pipit.cli.registry import print_gates
from pipit.cli.rollout_follow import show
from pipit.cli.settings import CliSettings
from pipit.cli.training import parse_overrides
from pipit.fleet import RolloutView
from pipit.settings import load_settings
from pipit.training.progress import RichProgress

LONGEST_NAME = 24
"""Characters of a clip's name: a longer one would break the table on a terminal."""
_COLUMNS = ("unseen clip", "it is", "expected", "answer", ">score", "detected", "right", ">server", ">in all")
_INTERPRETER = Path(sys.executable)


def demo(
    *,
    task: Annotated[str, typer.Option(help='"domain.task". (default: the one that is installed)')] = "",
    state: Annotated[Path | None, typer.Option(help="Folder that keeps everything. (default: runs/demo)")] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Take synthesised data though PIPIT_DATA has real ones.")
    ] = False,
    recipe: Annotated[str, typer.Option(help="Recipe to train. (default: the one that fits the data)")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe.")
    ] = None,
    rollout: Annotated[
        bool, typer.Option("--rollout", help="In the end promote a bad version to three servers, and see it stopped.")
    ] = False,
    console: Annotated[
        bool, typer.Option("--console", help="In the end open the console on all of it, until Ctrl-C.")
    ] = False,
    each: Annotated[int, typer.Option(min=1, help="Clips of each class to classify.")] = 2,
    serve_python: Annotated[
        Path, typer.Option(help="Interpreter of the environment that serves. (default: this one)")
    ] = _INTERPRETER,
    registry_python: Annotated[
        Path, typer.Option(help="Interpreter of the registry's environment. (default: this one)")
    ] = _INTERPRETER,
    console_python: Annotated[
        Path, typer.Option(help="Interpreter of the console's environment. (default: this one)")
    ] = _INTERPRETER,
    shell: Annotated[
        str, typer.Option(help="Command that opens a shell with this pipit; for the advice at the end.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Do the whole way once: data, training, registry, promotion, a server, and answers on the wire.

    Trains on the real data in PIPIT_DATA, or where there are none on what a program makes, and says which. The files
    it classifies in the end are ones that training never saw. Everything it starts, it ends. A second demo trains
    nothing anew.

    For example:
      pipit demo
      pipit demo --synthetic --json | jq .right
      pipit demo --rollout
      pipit demo --console
    """
    settings = load_settings(CliSettings)
    options = DemoOptions(
        task=task,
        state=(state or settings.runs / "demo").absolute(),
        data=settings.data,
        synthetic=synthetic,
        recipe=recipe,
        overrides=parse_overrides(set_ or ()),
        serve_python=serve_python,
        registry_python=registry_python,
        console_python=console_python,
        each=each,
        rollout=rollout,
        console=console,
    )

    def report(result: DemoResult) -> None:
        if json:
            print_json({**plain(result), "right": result.right})
            # Whoever reads it reads it while the console is open.
            sys.stdout.flush()
        else:
            _show(result, options, shell)

    with terminated_like_interrupted():
        run_demo(options, RichProgress(), _last if json else show, report)


def _last(views: Iterator[RolloutView]) -> RolloutView:
    *_, last = views
    return last


def _show(result: DemoResult, options: DemoOptions, shell: str) -> None:
    print_gates(result.gates)
    if result.gates_overridden:
        against = "though its data are SYNTHETIC" if all(gate.passed for gate in result.gates) else "against its gates"
        print_line(f"[yellow]promoted {against}, for the demo alone; the history says so[/yellow]")
    print_table(
        _COLUMNS,
        [
            (
                escape(shorten(answer.file.name, LONGEST_NAME)),
                escape(answer.category),
                escape(answer.expected),
                escape(answer.label),
                f"{answer.score:.3f}",
                "yes" if answer.detected else "",
                mark(answer.right),
                f"{answer.server_ms:.1f} ms",
                f"{answer.round_trip_ms:.1f} ms",
            )
            for answer in result.answers
        ],
        f"{result.task} {result.version} ({result.variant}), trained on {result.trained_on}",
    )
    print_line(
        f"[bold]{result.right} of {len(result.answers)} right[/bold]: an alarm is detected where there is one, "
        "and none where there is none. These are a few clips; the report measures"
    )
    if result.rollout is not None:
        _show_rollout(result.rollout, result.version)
    took = ", ".join(f"{act} {seconds:.1f} s" for act, seconds in result.seconds.items())
    print_line(f"took {sum(result.seconds.values()):.0f} s: {took}")
    print_line(f"report: {escape(_short(result.bundle / 'report'))}")
    if result.console:
        print_line(
            f"[bold green]the console is open at {result.console}[/bold green]; {result.waiting} clips wait there"
        )
        print_line("sign in by any name, for this registry asks for no tokens; Ctrl-C ends all of it")
        return
    for line in next_steps(result, options, shell):
        print_line(escape(line))


def _show_rollout(rollout: RolloutResult, version: str) -> None:
    reached = ", ".join(f"{count} by {device}" for device, count in rollout.reached.items())
    print_line(f"[bold red]{escape(rollout.version)} was stopped by the rule {escape(rollout.rule)}[/bold red]")
    print_line(f"  {escape(rollout.sentence)}")
    back = f"{rollout.seconds_back:g} s later" if rollout.seconds_back else "from then on"
    print_line(
        f"  {rollout.seconds:g} s after it was promoted; {back} every device answered with {escape(version)} again"
    )
    given = sum(rollout.reached.values())
    print_line(f"  {given} of {rollout.asked} answers were given with it{f': {escape(reached)}' if reached else ''}")
    print_line(f"  {rollout.failed} questions failed")


def shorten(name: str, longest: int) -> str:
    """The name, or its beginning and an ellipsis: `longest` characters in all."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def next_steps(result: DemoResult, options: DemoOptions, shell: str) -> tuple[str, ...]:
    """Commands that work in the environments of this demo. shell: opens one in which `pipit` is this one."""
    here, there = (
        "pipit" if shell else _short(python.parent / "pipit") for python in (_INTERPRETER, options.registry_python)
    )
    bundle, store = _short(result.bundle), _short(options.state / "registry")
    registry = f'make registry ARGS="--store {store}"' if shell else f"{there} registry serve --store {store}"
    serve = "pipit serve" if shell else f"{_short(options.serve_python)} -m pipit.serving"
    return (
        "",
        *((f"try next, in terminals with {shell}:",) if shell else ("try next, in one terminal:",)),
        f"  {serve} --bundle {bundle}",
        "and in another:",
        f"  {here} classify YOUR_RECORDING.wav",
        f"  {here} bench {bundle}",
        f"  {here} doctor",
        "or look into the registry:",
        f"  {registry}",
        f"  {here} history {result.task}",
    )


def _short(path: Path) -> str:
    """Relative to where the user stands, if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
