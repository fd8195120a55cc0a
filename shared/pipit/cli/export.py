"""`pipit export`: a trained network in the forms that devices run."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.outcomes import short, show_outcomes
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.settings import CliSettings
from pipit.cli.train import DataOption, RecipeOption, RunsOption, SetOption, TaskArgument
from pipit.cli.training import open_trainer, parse_overrides
from pipit.settings import load_settings
from pipit.training.progress import RichProgress
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

_STEP = "export"


def export(
    task: TaskArgument,
    *,
    recipe: RecipeOption = "",
    set_: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Run the step even if nothing changed.")] = False,
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
    settings = load_settings(CliSettings)
    overrides = parse_overrides(set_ or ())
    trainer = open_trainer(task, recipe, overrides, data or settings.data, runs=runs)
    with open_run(trainer, runs or settings.runs, RichProgress()) as run:
        outcomes = run_steps(run, actions_of(trainer), _STEP, force=(_STEP,) if force else ())
        folder = run.folder
    facts = outcomes[-1].record.facts
    if json:
        print_json({"run": folder, "step": _STEP, "ran": outcomes[-1].ran, "facts": facts})
        return
    show_outcomes(outcomes)
    print_table(("", ""), [(escape(str(name)), escape(short(value))) for name, value in facts.items()], _STEP)
    print_line(f"all of it: {escape(str(folder / _STEP))}")
