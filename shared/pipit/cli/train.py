"""`pipit train`, `evaluate` and `export`: a trainer's steps, each run only where something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.markup import escape

from pipit.bundle import SemanticVersion
from pipit.bundle.signing import load_private_key
from pipit.cli.bundles import BUNDLE
from pipit.cli.output import JsonOption, plain, print_json, print_line, print_table
from pipit.cli.registry import connected, print_gates
from pipit.cli.settings import CliSettings
from pipit.cli.training import open_trainer, parse_overrides, published_versions, run_training
from pipit.errors import GatesFailed, InvalidInput
from pipit.registry import RegistryClient
from pipit.registry.types import Version
from pipit.settings import load_settings
from pipit.training.distributed import Worker, read_worker
from pipit.training.progress import RichProgress
from pipit.training.run import open_run
from pipit.training.steps import STEPS, Outcome, actions_of, run_steps
from pipit.training.trainer import Trainer

TaskArgument = Annotated[str, typer.Argument(help='"domain.task".')]
RecipeOption = Annotated[str, typer.Option(help="Name of a recipe, or path of a YAML file. (default: the task's own)")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe. May be repeated.")
]
DataOption = Annotated[Path | None, typer.Option(help="Folder of data sets. (default: PIPIT_DATA)")]
RunsOption = Annotated[Path | None, typer.Option(help="Folder of runs. (default: PIPIT_RUNS, else ./runs)")]
ForceOption = Annotated[bool, typer.Option("--force", help="Run the step even if nothing changed.")]


def train(
    task: TaskArgument,
    *,
    recipe: RecipeOption = "",
    set_: SetOption = None,
    until: Annotated[str, typer.Option(help=f"Last step to run: {', '.join(STEPS)}.")] = "publish",
    force: Annotated[list[str] | None, typer.Option(help="Run this step even if nothing changed.")] = None,
    version: Annotated[str, typer.Option(help="Version of the bundle. (default: the one after the newest here)")] = "",
    publish: Annotated[
        bool, typer.Option("--publish", help="Number it after the registry's newest, and send it.")
    ] = False,
    promote: Annotated[
        str, typer.Option(metavar="ENVIRONMENT", help="With --publish: point this environment to it, if gates pass.")
    ] = "",
    registry: Annotated[str, typer.Option(help="host:port, for --publish. (default: PIPIT_REGISTRY)")] = "",
    data: DataOption = None,
    runs: RunsOption = None,
    json: JsonOption = False,
) -> None:
    """Train a task: prepare the data, fit, evaluate, export, verify, and make a bundle of it.

    Steps that nothing changed for are not run again; one that was interrupted goes on where it stopped. Another recipe
    or other data make another run folder. The bundle is signed if PIPIT_SIGNING_KEY names a key. The exit code is 6 if
    it was to be promoted and its gates fail; it is published all the same. With PIPIT_WORKERS several processes train
    one network; all but the first end after the fit.

    For example:
      pipit train TASK
      pipit train TASK --recipe small --set epochs=10 --until evaluate
      pipit train TASK --publish --promote staging --registry nas.local:50050
    """
    settings = load_settings(CliSettings)
    trainer = open_trainer(task, recipe, parse_overrides(set_ or ()), data or settings.data)
    if publish and until != STEPS[-1]:
        raise InvalidInput("--publish needs every step; leave --until out")
    if promote and not publish:
        raise InvalidInput("only what is published can be promoted; add --publish")
    worker = read_worker()
    if worker.count > 1 and not getattr(trainer, "distributed", False):
        raise InvalidInput(f"{task} is trained by one process only; start one, without PIPIT_WORKERS")
    if not worker.is_chief:
        _help(trainer, runs or settings.runs, worker, until, json)
        return
    published: tuple[SemanticVersion, ...] = ()
    if publish:
        with connected(registry) as client:
            published = published_versions(client, task)
    with open_run(trainer, runs or settings.runs, RichProgress(), worker) as run:
        outcomes, bundle = run_training(
            trainer,
            run,
            until,
            force=tuple(force or ()),
            version=version,
            published=published,
            key=_signing_key(settings),
        )
        folder = run.folder
    if not json:
        _show(outcomes)
        holds = f" (its bundle in {BUNDLE})" if bundle is not None else ""
        print_line(f"run: [bold]{escape(str(folder))}[/bold]{holds}")
    sent, failure = None, None
    if publish and bundle is not None:
        with connected(registry) as client:
            sent = client.publish(bundle).version
            failure = _promote(client, sent, promote, f"trained by recipe {trainer.recipe.name}") if promote else None
    if json:
        moved = promote if promote and failure is None else None
        steps = {"run": folder, "steps": _plain(outcomes), "bundle": bundle}
        print_json({**steps, "published": sent is not None, "promoted": moved})
    elif sent is not None:
        _show_sent(sent, promote, failure)
    elif bundle is not None:
        print_line(f"next: pipit publish {escape(str(folder))}")
    if failure is not None:
        raise failure


def _help(trainer: Trainer, runs: Path, worker: Worker, until: str, json: bool) -> None:
    """Does the part of a worker that is not the chief; the chief does what follows the fit."""
    last = until if until == STEPS[0] else "fit"
    with open_run(trainer, runs, RichProgress(), worker) as run:
        outcomes = run_steps(run, actions_of(trainer), last)
    if json:
        print_json({"worker": worker.index, "steps": _plain(outcomes)})
        return
    _show(outcomes)
    print_line(f"worker {worker.index} of {worker.count} has done its part; the chief, worker 0, does the rest")


def _promote(client: RegistryClient, version: Version, environment: str, reason: str) -> GatesFailed | None:
    """Points the environment to the version; gives the refusal if its gates fail."""
    try:
        client.promote(version.task, version.version, environment, reason=reason)
    except GatesFailed as error:
        return error
    return None


def _show_sent(version: Version, environment: str, failure: GatesFailed | None) -> None:
    print_gates(version.gates)
    if failure is not None:
        print_line(f"published {version.task} {version.version}, but not promoted")
    elif environment:
        print_line(f"{environment} of {version.task} points to [bold]{version.version}[/bold]")
    else:
        print_line(f"next: pipit promote {version.task} {version.version} staging")


def export(
    task: TaskArgument,
    *,
    recipe: RecipeOption = "",
    set_: SetOption = None,
    force: ForceOption = False,
    data: DataOption = None,
    runs: RunsOption = None,
    json: JsonOption = False,
) -> None:
    """Export a trained network's variants (float32, dynamic, int8) for devices, training it first if need be.

    `pipit train --until verify` also compares each with the trained network.

    For example:
      pipit export TASK
      pipit export TASK --set export.calibration_samples=400 --force
    """
    _one_step("export", task, recipe, set_, force, data, runs, json)


def _signing_key(settings: CliSettings) -> Ed25519PrivateKey | None:
    return None if settings.signing_key is None else load_private_key(settings.signing_key)


def _one_step(
    step: str,
    task: str,
    recipe: str,
    set_: Sequence[str] | None,
    force: bool,
    data: Path | None,
    runs: Path | None,
    json: bool,
) -> None:
    settings = load_settings(CliSettings)
    trainer = open_trainer(task, recipe, parse_overrides(set_ or ()), data or settings.data)
    with open_run(trainer, runs or settings.runs, RichProgress()) as run:
        outcomes = run_steps(run, actions_of(trainer), step, force=(step,) if force else ())
        folder = run.folder
    facts = outcomes[-1].record.facts
    if json:
        print_json({"run": folder, "step": step, "ran": outcomes[-1].ran, "facts": facts})
        return
    _show(outcomes)
    print_table(("", ""), [(escape(str(name)), escape(_short(value))) for name, value in facts.items()], step)
    print_line(f"all of it: {escape(str(folder / step))}")


def _plain(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [
        {"step": each.step, "ran": each.ran, "seconds": each.record.seconds, "facts": plain(each.record.facts)}
        for each in outcomes
    ]


def _show(outcomes: Sequence[Outcome]) -> None:
    rows = [
        (
            each.step,
            f"{each.record.seconds:.1f} s" if each.ran else "up to date",
            escape(", ".join(f"{name} {_short(value)}" for name, value in each.record.facts.items())),
        )
        for each in outcomes
    ]
    print_table(("step", ">time", "result"), rows)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_short(item) for item in value)
    return str(value)
