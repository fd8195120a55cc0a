"""The report of naming: `evaluation.json`, two plots and the model card. No name and no picture of anybody is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from pipit.bundle.manifest import Metric
from pipit.files import write_atomically
from pipit.training.evaluation import PACKAGES, software_versions
from pipit.training.model_card import gate_lines, reproduction_lines, source_lines
from pipit.training.plots import BLUE, GREY, ORANGE
from pipit.training.publish import code_version
from pipit.training.run import Run

from home_security.faces.measuring import NamingEvaluation
from home_security.faces.recipe import FacesRecipe

CURVES, SCORES = "dir_fpir.png", "scores.png"
PICTURES = {
    CURVES: "Share of known people who are named rightly, against strangers who are named as somebody",
    SCORES: "Best scores of known people and of strangers, in the largest gallery",
}
NOT_FOR = (
    "access control: a photograph of a face is a face to it, and it tells no living person from a picture",
    "deciding anything about a person whom it names: it is wrong as often as the table says",
    "people who did not agree to be known: enrolling asks who agreed, when and for what",
)
LIMITS = (
    "Twins and close relatives are likelier to be taken for each other than the strangers that it was measured on.",
    "Embedders are known to be less right for children and for people of groups that they saw little of; who they are "
    "is not known of the pictures here, so that it was not measured.",
    "Infrared pictures, masks and faces that are turned away by more than a half profile were not measured.",
)
_STYLES = ("-", "--", "-.", ":")


def write_report(folder: Path, evaluation: NamingEvaluation, packages: Sequence[str]) -> None:
    """Writes `evaluation.json` and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    content = evaluation.to_json() | {"software": software_versions((*PACKAGES, *packages))}
    write_atomically(folder / "evaluation.json", json.dumps(content, indent=1, allow_nan=False).encode())
    _plot_curves(folder / CURVES, evaluation)
    _plot_scores(folder / SCORES, evaluation)


def write_card(
    path: Path,
    recipe: FacesRecipe,
    run: Run,
    evaluation: NamingEvaluation,
    metrics: Mapping[str, Metric],
    licence: str,
    rule: str,
    packages: Sequence[str],
) -> None:
    """metrics: as the manifest will hold them. licence: of the embedder's weights."""
    lines = _lines(recipe, run, evaluation, metrics, licence, rule, packages)
    write_atomically(path, ("\n".join(lines).rstrip() + "\n").encode())


def _lines(
    recipe: FacesRecipe,
    run: Run,
    evaluation: NamingEvaluation,
    metrics: Mapping[str, Metric],
    licence: str,
    rule: str,
    packages: Sequence[str],
) -> Iterator[str]:
    naming = evaluation.naming
    yield f"# {recipe.task}: {recipe.name}\n"
    yield "Finds faces and says who of the people in a gallery each is, or that it is nobody who is known.\n"
    yield f"Recipe: {recipe.description}\n"
    yield "The bundle knows nobody. People are in a gallery, which is kept apart from it and sealed.\n"
    yield "**Not for:**\n"
    yield from (f"- {line}" for line in NOT_FOR)
    yield "\n## Data\n"
    yield from source_lines(recipe, rule)
    if recipe.crowd is not None:
        crowd = recipe.crowd
        yield f"Cohort: up to {crowd.most} further strangers of {crowd.path} ({crowd.licence}), where it is there.\n"
    yield f"Embedder: {recipe.network}. {licence}.\n"
    yield "## How good it is\n"
    yield "| measure | value | 95 % interval | samples |\n|---|---|---|---|"
    for name, metric in metrics.items():
        yield f"| {name} | {metric.value:.3f} | {_interval(metric.low, metric.high)} | {metric.samples or ''} |"
    yield "\nThe cohort in the bundle are vectors of strangers of these data. Nobody of them set limits, and nobody who"
    yield "did either was measured on.\n"
    yield from (f"![{PICTURES[name]}]({name})\n" for name in PICTURES)
    yield "## From which score on a face is named\n"
    yield f"Limits {evaluation.source}. At {naming.rate:.1%} of strangers; a score of 0.5 is the limit.\n"
    yield "| people known | " + " | ".join(f"{rate:.1%}" for rate in naming.points.rates) + " |"
    yield "|---" * (1 + len(naming.points.rates)) + "|"
    for column, number in enumerate(naming.points.people):
        yield f"| {number} | " + " | ".join(f"{row[column]:.3f}" for row in naming.points.limits) + " |"
    yield ""
    if evaluation.methods:
        yield "## Ways of naming\n"
        yield f"With limits of their own for {naming.rate:.1%}; `{naming.method}` is the one that serves.\n"
        names = list(next(iter(evaluation.methods.values())))
        yield "| way | " + " | ".join(names) + " |"
        yield "|---" * (1 + len(names)) + "|"
        for method, estimates in evaluation.methods.items():
            yield f"| {method} | " + " | ".join(f"{estimates[name].value:.3f}" for name in names) + " |"
        yield ""
    if evaluation.kinds:
        yield "## Which pictures\n"
        yield f"Of known people who are found at {naming.rate:.1%}, {_people(evaluation.trials[-1].size)} known.\n"
        yield "| pictures | found | 95 % interval | samples |\n|---|---|---|---|"
        for kind, share in evaluation.kinds.items():
            yield f"| {kind} | {share.value:.3f} | {_interval(share.low, share.high)} | {share.samples} |"
        yield ""
    yield "## Gates\n"
    yield from gate_lines(recipe, metrics)
    yield "## Limits\n"
    yield from (f"- {line}" for line in LIMITS)
    yield "\n## How to make it again\n"
    command = f"pipit train {recipe.task} --recipe {recipe.name}"
    yield from reproduction_lines(recipe, run.dataset_digest, code_version(), command, packages)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _plot_curves(path: Path, evaluation: NamingEvaluation) -> None:
    figure, axes = _figure()
    for trial, style in zip(evaluation.trials, _STYLES[: len(evaluation.trials)] + _STYLES, strict=False):
        strangers = np.sort(trial.scores[~trial.known])[::-1]
        own = np.sort(np.where(trial.right, trial.scores, -np.inf)[trial.known])
        if not len(strangers) or not len(own):
            continue
        finite = strangers[np.isfinite(strangers)]
        # With a limit just above the next stranger's score, so that those before are let in.
        let_in = np.arange(1, len(finite)) / len(strangers)
        found = 1.0 - np.searchsorted(own, finite[1:], side="right") / len(own)
        axes.step(let_in, found, style, where="post", color=BLUE, linewidth=1.4, label=_people(trial.size))
        for rate in evaluation.naming.points.rates:
            limit = evaluation.naming.points.limit(rate, trial.size)
            share = float(np.mean(trial.scores[~trial.known] >= limit))
            if share > 0.0:
                axes.plot([share], [float(np.mean(own >= limit))], "o", color=ORANGE, markersize=4)
    axes.set_xscale("log")
    axes.set_xlabel("strangers who are named as somebody (dots: at the limits)")
    axes.set_ylabel("known people who are named rightly")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    # Above the axes: a curve may run anywhere in them.
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    _save(figure, path)


def _plot_scores(path: Path, evaluation: NamingEvaluation) -> None:
    figure, axes = _figure()
    trial, naming = evaluation.trials[-1], evaluation.naming
    finite = trial.scores[np.isfinite(trial.scores)]
    bins = np.linspace(float(finite.min()), float(finite.max()), 40) if len(finite) else np.linspace(0.0, 1.0, 2)
    for chosen, colour, label in ((trial.right, BLUE, "known people"), (~trial.known, GREY, "strangers")):
        shown = trial.scores[chosen & np.isfinite(trial.scores)]
        if len(shown):
            weights = np.full(len(shown), 1.0 / len(shown))
            axes.hist(shown, bins.tolist(), weights=weights, color=colour, alpha=0.6, label=f"{label} ({len(shown)})")
    axes.axvline(naming.points.limit(naming.rate, trial.size), color=ORANGE, linewidth=1.4, label="limit")
    axes.set_xlabel(f"best score, {_people(trial.size)} known")
    axes.set_ylabel("share of faces")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    _save(figure, path)


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _figure() -> tuple[Figure, Axes]:
    figure = Figure((6.0, 4.0), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Software": None})
