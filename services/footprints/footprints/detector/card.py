"""The model card of a detector: what it is for, from what, how good, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipit.bundle.manifest import Metric
from pipit.files import write_atomically
from pipit.training.model_card import gate_lines, reproduction_lines, source_lines
from pipit.training.publish import code_version
from pipit.training.run import Run

from footprints.detector.recipe import DetectorRecipe

COMPOSED = (
    "Trained and measured on COMPOSED scenes: prints cut from photographs by a rule, pressed into ground quilted from "
    "other photographs. The numbers say how well it finds such prints on such ground, not how well it finds tracks in "
    "a wood. Nobody drew boxes around the prints of the real photographs; they are judged by eye, on detections.png."
)
QUIET = (
    "`real.false` is the share of real pictures without a print in which one is found, of the kinds that trained too; "
    "`real.false.unseen` is the same of kinds that the training never saw, and what to expect of other pictures. Their "
    "intervals count each person or photograph once."
)
PICTURES = {
    "scenes.png": "Test pictures: what is there in blue, what was found in yellow",
    "detections.png": "Real photographs that it never saw, with what it found",
    "precision_recall.png": "Precision against recall",
    "training.png": "The training",
}


def write_card(
    path: Path, recipe: DetectorRecipe, run: Run, metrics: Mapping[str, Metric], rule: str, packages: Sequence[str]
) -> None:
    """metrics: as the manifest will hold them. The report's pictures that lie beside `path` are shown."""
    lines = _lines(recipe, run, metrics, rule, packages, [name for name in PICTURES if (path.parent / name).exists()])
    write_atomically(path, ("\n".join(lines).rstrip() + "\n").encode())


def _lines(
    recipe: DetectorRecipe,
    run: Run,
    metrics: Mapping[str, Metric],
    rule: str,
    packages: Sequence[str],
    pictures: Sequence[str],
) -> Iterator[str]:
    yield f"# {recipe.task}: {recipe.name}\n"
    yield "Finds animals' prints in a photograph: a box and a score for each.\n"
    yield f"Recipe: {recipe.description}\n"
    if recipe.data[0].kind == "photographs":
        yield f"**{COMPOSED}**\n"
    yield "## Data\n"
    yield from source_lines(recipe, rule)
    absent = run.read_json("prepare", "absent.json")
    if absent:
        yield f"**Without {', '.join(absent)}, for nothing was there.**\n"
    if recipe.start:
        yield f"Began with the weights `{recipe.start}`. Weights of ultralytics are AGPL-3.0.\n"
    yield "## How good it is\n"
    yield "| measure | value | 95 % interval | samples |\n|---|---|---|---|"
    for name, metric in metrics.items():
        interval = "" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"
        yield f"| {name} | {metric.value:.3f} | {interval} | {metric.samples or ''} |"
    yield ""
    if any(name.startswith("real.false") for name in metrics):
        yield f"{QUIET}\n"
    yield from (f"![{PICTURES[name]}]({name})\n" for name in pictures)
    yield "## Gates\n"
    yield from gate_lines(recipe, metrics)
    yield "## How to make it again\n"
    command = f"pipit train {recipe.task} --recipe {recipe.name}"
    yield from reproduction_lines(recipe, run.dataset_digest, code_version(), command, packages)
