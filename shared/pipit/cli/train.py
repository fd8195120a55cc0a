"""`pipit train`: a trainer's steps, each run only where something changed, and what becomes of the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.markup import escape

from pipit.bundle import Bundle, SemanticVersion, open_bundle
from pipit.bundle.gates import GateResult, evaluate_gates
from pipit.bundle.signing import load_private_key
from pipit.cli.bundles import BUNDLE
from pipit.cli.outcomes import plain_outcomes, show_outcomes
from pipit.cli.output import JsonOption, print_json, print_line, say
from pipit.cli.registry import connected, print_gates
from pipit.cli.settings import CliSettings
from pipit.cli.train_promote import Sent, send
from pipit.cli.train_report import begin_report, write_train_report
from pipit.cli.training import open_trainer, parse_overrides, published_versions, recipe_path, run_training
from pipit.errors import GatesFailed, InvalidInput, RolloutOpen
from pipit.settings import load_settings
from pipit.training.data_manifest import manifest_path, settle_manifest
from pipit.training.distributed import Worker, read_worker
from pipit.training.progress import RichProgress
from pipit.training.recipe import Recipe
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


class DataManifest(StrEnum):
    """What to do about the manifest of data beside the recipe."""

    CHECK = "check"
    WRITE = "write"


def train(
    task: TaskArgument,
    *,
    recipe: RecipeOption = "",
    set_: SetOption = None,
    start_from: Annotated[
        Path | None, typer.Option(metavar="RUN|BUNDLE", help="Go on from its network, where the task's recipes can.")
    ] = None,
    until: Annotated[str, typer.Option(help=f"Last step to run: {', '.join(STEPS)}.")] = "publish",
    force: Annotated[list[str] | None, typer.Option(help="Run this step even if nothing changed.")] = None,
    version: Annotated[str, typer.Option(help="Version of the bundle. (default: the one after the newest here)")] = "",
    publish: Annotated[
        bool, typer.Option("--publish", help="Number it after the registry's newest, and send it.")
    ] = False,
    promote: Annotated[
        str,
        typer.Option(metavar="ENVIRONMENT", help="With --publish: lead this environment to it, as pipit promote does."),
    ] = "",
    allow_synthetic: Annotated[
        bool, typer.Option("--allow-synthetic", help="With --promote: also what SYNTHETIC data made, if gates pass.")
    ] = False,
    require_gates: Annotated[
        bool, typer.Option("--require-gates", help="End with code 6, and publish nothing, if its gates fail.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Leave gates, report and model card there, for others to read."),
    ] = None,
    additional_data: Annotated[
        list[str] | None,
        typer.Option(metavar="labels://NAME[@DIGEST]", help="Also train on this set of labels. May be repeated."),
    ] = None,
    data_manifest: Annotated[
        DataManifest | None, typer.Option(help="Write which data this is beside the recipe, or check that it is still.")
    ] = None,
    registry: Annotated[
        str, typer.Option(help="host:port, for --publish and labels://. (default: PIPIT_REGISTRY)")
    ] = "",
    data: DataOption = None,
    runs: RunsOption = None,
    json: JsonOption = False,
) -> None:
    """Train a task: prepare the data, fit, evaluate, export, verify, and make a bundle of it.

    Steps that nothing changed for are not run again; one that was interrupted goes on where it stopped. Another recipe
    or other data make another run folder. The bundle is signed if PIPIT_SIGNING_KEY names a key, or else when it is
    published. The exit code is 6 if it was to be promoted and its gates fail; it is published all the same, unless
    --require-gates is given. With PIPIT_WORKERS several processes train one network; all but the first end after the
    fit.

    For example:
      pipit train TASK
      pipit train TASK --recipe synthetic --set epochs=10 --until evaluate
      pipit train TASK --recipe mine --start-from runs/TASK/base-1f0c
      pipit train TASK --additional-data labels://november@0123456789ab
      pipit train TASK --publish --promote staging --registry nas.local:50050
      pipit train TASK --require-gates --publish --report report
    """
    settings = load_settings(CliSettings)
    overrides = parse_overrides(set_ or ()) | ({} if start_from is None else {"start_from": str(start_from)})
    trainer = open_trainer(
        task,
        recipe,
        overrides,
        data or settings.data,
        additional=additional_data or (),
        registry=registry,
        runs=runs,
    )
    _check_request(until, publish, promote, require_gates, report)
    worker = read_worker()
    if worker.count > 1 and not getattr(trainer, "distributed", False):
        raise InvalidInput(f"{task} is trained by one process only; start one, without PIPIT_WORKERS")
    if not worker.is_chief:
        _help(trainer, runs or settings.runs, worker, until, json)
        return
    if report is not None:
        begin_report(report)
    if data_manifest is not None:
        beside = manifest_path(recipe_path(type(trainer), task, recipe))
        say(settle_manifest(beside, trainer, runs or settings.runs, write=data_manifest is DataManifest.WRITE))
    published: dict[SemanticVersion, str] = {}
    if publish:
        with connected(registry) as client:
            published = published_versions(client, task)
    with open_run(trainer, runs or settings.runs, RichProgress(), worker) as run:
        outcomes, folder = run_training(
            trainer,
            run,
            until,
            force=tuple(force or ()),
            version=version,
            published=published,
            key=_signing_key(settings),
        )
        bundle = None if folder is None else open_bundle(folder)
    ended = _Ended(run.folder, trainer.recipe, outcomes, bundle, report)
    if not json:
        ended.show()
    failure: GatesFailed | RolloutOpen | None = ended.refusal() if require_gates else None
    ended.tell("It was not published." if failure is None else "It fails its gates, so it was not published.")
    sent: Sent | None = None
    if publish and bundle is not None and failure is None:
        reason = f"trained by recipe {trainer.recipe.name}"
        sent = send(bundle, settings, registry, promote, reason, allow_synthetic=allow_synthetic)
        failure = sent.refusal
        ended.tell(sent.sentence)
    if json:
        steps = {"run": run.folder, "steps": plain_outcomes(outcomes), "bundle": folder, "gates": ended.gates}
        became = sent.plain if sent is not None else {"promoted": None, "rollout": None}
        print_json({**steps, "published": sent is not None, **became})
    elif sent is not None:
        sent.show()
    elif require_gates:
        print_gates(ended.gates)
    if not json and bundle is not None and sent is None and failure is None:
        print_line(f"next: pipit publish {escape(str(run.folder))}")
    if failure is not None:
        raise failure


def _check_request(until: str, publish: bool, promote: str, require_gates: bool, report: Path | None) -> None:
    whole = {"--publish": publish, "--require-gates": require_gates, "--report": report is not None}
    wanted = next((option for option, given in whole.items() if given), None)
    if wanted is not None and until != STEPS[-1]:
        raise InvalidInput(f"{wanted} needs every step; leave --until out")
    if promote and not publish:
        raise InvalidInput("only what is published can be promoted; add --publish")


@dataclass(frozen=True, slots=True)
class _Ended:
    """A training at its end. folder: of the run. bundle: None where the last step was not run."""

    folder: Path
    recipe: Recipe
    outcomes: Sequence[Outcome]
    bundle: Bundle | None
    report: Path | None

    @property
    def gates(self) -> tuple[GateResult, ...]:
        return () if self.bundle is None else evaluate_gates(self.bundle.manifest)

    def refusal(self) -> GatesFailed | None:
        failed = "; ".join(str(gate) for gate in self.gates if not gate.passed)
        if not failed or self.bundle is None:
            return None
        return GatesFailed(
            f"{self.bundle.manifest.name} fails its quality gates ({failed}), so it was not published; train a better "
            f"one, or send it all the same: pipit publish {self.folder}"
        )

    def show(self) -> None:
        show_outcomes(self.outcomes)
        holds = f" (its bundle in {BUNDLE})" if self.bundle is not None else ""
        print_line(f"run: [bold]{escape(str(self.folder))}[/bold]{holds}")

    def tell(self, became: str) -> None:
        """Writes the report, if one is wanted. became: of the bundle."""
        if self.report is not None and self.bundle is not None:
            write_train_report(self.report, self.bundle, self.recipe, self.outcomes, became)


def _help(trainer: Trainer, runs: Path, worker: Worker, until: str, json: bool) -> None:
    """Does the part of a worker that is not the chief; the chief does what follows the fit."""
    last = until if until == STEPS[0] else "fit"
    with open_run(trainer, runs, RichProgress(), worker) as run:
        outcomes = run_steps(run, actions_of(trainer), last)
    if json:
        print_json({"worker": worker.index, "steps": plain_outcomes(outcomes)})
        return
    show_outcomes(outcomes)
    print_line(f"worker {worker.index} of {worker.count} has done its part; the chief, worker 0, does the rest")


def _signing_key(settings: CliSettings) -> Ed25519PrivateKey | None:
    return None if settings.signing_key is None else load_private_key(settings.signing_key)
