"""What `pipit train --report` leaves for people who were not there: a page, and the bundle's report without data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipit.bundle import Bundle
from pipit.cli.outcomes import short
from pipit.files import write_atomically
from pipit.training.model_card import gate_lines
from pipit.training.recipe import Recipe
from pipit.training.report import PICTURES
from pipit.training.steps import Outcome

SUMMARY_FILE = "summary.md"
_TEXTS = (".md", ".json")


def begin_report(folder: Path) -> None:
    """Takes away the page of an earlier call, so that a call that breaks off does not show it as its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY_FILE).unlink(missing_ok=True)


def write_train_report(folder: Path, bundle: Bundle, recipe: Recipe, outcomes: Sequence[Outcome], became: str) -> None:
    """Writes the page, and beside it what the bundle says of itself.

    became: what was done with the bundle, in a sentence. Of pictures only those that a program draws of numbers are
    copied: a task's own may show its data, and a report is passed on.
    """
    for name in bundle.manifest.files:
        path = Path(name)
        if path.parts[0] == "report" and (path.suffix in _TEXTS or path.name in PICTURES):
            shutil.copyfile(bundle.file(name), folder / path.name)
    lines = "\n".join(_lines(bundle, recipe, outcomes, became)).rstrip()
    write_atomically(folder / SUMMARY_FILE, f"{lines}\n".encode())


def _lines(bundle: Bundle, recipe: Recipe, outcomes: Sequence[Outcome], became: str) -> Iterator[str]:
    manifest = bundle.manifest
    yield f"## {manifest.task}, recipe {recipe.name}\n"
    if recipe.description:
        yield f"{recipe.description}\n"
    yield f"{became}\n"
    yield "### Gates\n"
    yield from gate_lines(recipe, manifest.metrics)
    yield "### Steps\n"
    yield "| step | time | result |"
    yield "|---|---|---|"
    for each in outcomes:
        time = f"{each.record.seconds:.1f} s" if each.ran else "up to date"
        facts = ", ".join(f"{name} {short(value)}" for name, value in each.record.facts.items())
        yield f"| {each.step} | {time} | {facts.replace('|', ' ')} |"
    yield f"\nBundle `{manifest.name}`, digest `{bundle.digest}`, data `{manifest.lineage.dataset_digest}`."
