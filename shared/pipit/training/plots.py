"""The report's pictures: PNGs, at most 900 pixels wide, for a README or a model card.

Drawn with matplotlib's objects, without pyplot: no state is shared with whoever else draws. Colours are those of
Okabe and Ito, told apart by all (https://jfly.uni-koeln.de/color/); nothing is said by colour alone. The same data give
the same bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve

from pipit.answers import reached
from pipit.files import write_atomically
from pipit.training.calibration import Calibration, coverage_curve
from pipit.training.intervals import Estimate, wilson

WIDTH = 9.0
"""Inches."""
DOTS_PER_INCH = 100
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
SMALL, NORMAL = 8, 10
"""Points."""


def plot_confusion(path: Path, labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> None:
    """Counts in the cells, the share of the true label's samples as colour. Rows are true labels."""
    counts = np.asarray(confusion, np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(labels)
    figure = new_figure(max(3.6, 1.8 + 0.36 * size))
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    names = [label.replace("_", " ") for label in labels]
    axes.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), [f"{name} ({total})" for name, total in zip(names, counts.sum(axis=1), strict=True)])
    axes.tick_params(length=0)
    axes.set_xlabel("best label")
    axes.set_ylabel("true label (samples)")
    axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="#DDDDDD", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    for row, column in np.argwhere(counts).tolist():
        colour = "white" if shares[row, column] > 0.55 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=SMALL)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, format=PercentFormatter(1.0))
    bar.set_label("share of the true label's samples")
    save_figure(figure, path)


def plot_precision_recall(
    path: Path,
    labels: Sequence[str],
    truth: NDArray[np.integer],
    scores: NDArray[np.floating],
    thresholds: Mapping[str, float] | None = None,
) -> None:
    """One small picture for each label that has samples; a point marks where its threshold puts it.

    truth: positions, (samples,). scores: (samples, labels). Labels without a threshold bear no point.
    """
    drawn = [index for index in range(len(labels)) if (truth == index).any()]
    columns = len(drawn) if len(drawn) <= 5 else min((6, 5, 4), key=lambda width: -len(drawn) % width)
    rows = math.ceil(len(drawn) / columns)
    figure = new_figure(0.6 + rows * max(1.8, min(3.2, WIDTH / columns)))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    limits = thresholds or {}
    detected = reached(scores, labels, limits)
    for axes, index in zip(grid.flat, drawn, strict=False):
        own = truth == index
        precision, recall, _ = precision_recall_curve(own, scores[:, index])
        axes.plot(recall, precision, color=BLUE, linewidth=1.6, drawstyle="steps-post")
        axes.axhline(own.mean(), color=GREY, linewidth=0.8, linestyle=":")
        hits = detected[:, index]
        if labels[index] in limits and hits.any():
            point = (hits & own).sum() / own.sum(), (hits & own).sum() / hits.sum()
            axes.plot(*point, "o", color=ORANGE, markersize=6, markeredgecolor="white", clip_on=False, zorder=3)
        area = average_precision_score(own, scores[:, index])
        axes.set_title(f"{labels[index].replace('_', ' ')}\nAP {area:.2f}, {own.sum()} samples", fontsize=SMALL)
        _quiet(axes)
    for axes in grid.flat[len(drawn) :]:
        axes.set_axis_off()
    for position in range(max(0, len(drawn) - columns), len(drawn)):
        grid.flat[position].tick_params(labelbottom=True)
    ticks = {"ticks": (0.0, 0.5, 1.0), "labels": ("0", "½", "1")}
    grid[0, 0].set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    grid[0, 0].set_xticks(**ticks)
    grid[0, 0].set_yticks(**ticks)
    mark = "orange point: at the threshold; " if limits else ""
    figure.supxlabel(f"recall  ({mark}dotted: precision of guessing)", fontsize=NORMAL)
    figure.supylabel("precision", fontsize=NORMAL)
    save_figure(figure, path)


def plot_reliability(path: Path, calibration: Calibration) -> None:
    """Accuracy by best score, and how many samples lie in each bin. On the diagonal a score means what it says."""
    filled = [found for found in calibration.bins if found.samples]
    width = calibration.bins[0].high - calibration.bins[0].low
    middles = [(found.low + found.high) / 2.0 for found in filled]
    figure = new_figure(5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    accuracies = np.array([found.accuracy for found in filled])
    ends = np.array(
        [wilson(found.accuracy * found.samples, found.samples) for found in filled if found.accuracy is not None]
    )
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--", label="a score that means what it says")
    upper.errorbar(
        [found.score for found in filled],
        accuracies,
        np.abs(ends.T - accuracies),
        fmt="o-",
        color=BLUE,
        markersize=5,
        linewidth=1.2,
        capsize=3,
        label="measured, with 95 % intervals",
    )
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    upper.set_title(f"expected calibration error {calibration.expected_error:.3f}", fontsize=NORMAL)
    upper.legend(frameon=False, fontsize=SMALL, loc="upper left")
    lower.bar(middles, [found.samples for found in filled], width * 0.92, color=GREY)
    lower.set(xlabel="score of the best label", ylabel="samples")
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    _quiet(upper, lower)
    save_figure(figure, path)


def plot_scores(
    path: Path, truth: NDArray[np.integer], scores: NDArray[np.floating], unknown_below: float = 0.0
) -> None:
    """The best score of rightly and of wrongly answered samples. unknown_below: drawn where it is above 0."""
    best, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    figure = new_figure(3.6)
    axes = figure.subplots()
    edges = np.linspace(0.0, 1.0, 26)
    counts = np.histogram(best[right], edges)[0], np.histogram(best[~right], edges)[0]
    width, middles = edges[1], edges[:-1] + edges[1] / 2.0
    axes.bar(middles, counts[0], width, color=BLUE, label=f"right ({right.sum()})")
    wrong = f"wrong ({(~right).sum()})"
    axes.bar(
        middles, counts[1], width, counts[0], color=ORANGE, hatch="////", edgecolor="white", linewidth=0, label=wrong
    )
    if unknown_below > 0.0:
        name = f"unknown below {unknown_below:.2f}"
        axes.axvline(unknown_below, color="black", linewidth=1.4, linestyle="--", label=name)
    highest = 1.06 * float((counts[0] + counts[1]).max())
    axes.set(xlim=(0, 1), ylim=(0, highest), xlabel="score of the best label", ylabel="samples")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=SMALL, loc="upper left")
    _quiet(axes)
    save_figure(figure, path)


def plot_coverage(
    path: Path, truth: NDArray[np.integer], scores: NDArray[np.floating], unknown_below: float = 0.0
) -> None:
    """How often the surest answers are right, by how many are given. unknown_below: drawn where it is above 0."""
    best, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    shares, accuracies = coverage_curve(right, best)
    figure = new_figure(3.6)
    axes = figure.subplots()
    axes.plot(shares, accuracies, color=BLUE, linewidth=1.4, label="the surest answers")
    axes.axhline(right.mean(), color=GREY, linewidth=1.2, linestyle="--", label=f"all answers: {right.mean():.2f}")
    if unknown_below > 0.0:
        said = float((best >= unknown_below).mean())
        axes.axvline(said, color="black", linewidth=1.4, linestyle=":", label=f"said: {said:.0%}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share answered, the surest first", ylabel="accuracy")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=SMALL, loc="upper right")
    _quiet(axes)
    save_figure(figure, path)


def plot_shares(
    path: Path, rows: Sequence[tuple[str, Estimate | None, Estimate | None]], first: str, second: str
) -> None:
    """Two shares of each row with their intervals, the first row on top; None is not drawn. first, second: names."""
    figure = new_figure(1.0 + 0.26 * len(rows))
    axes = figure.subplots()
    for column, (name, colour, mark, shift) in enumerate(((first, BLUE, "o", -0.14), (second, ORANGE, "s", 0.14)), 1):
        places = [place for place, row in enumerate(rows) if row[column] is not None]
        found = [estimate for row in rows if isinstance(estimate := row[column], Estimate)]
        values = np.array([one.value for one in found])
        low = np.array([one.value if one.low is None else one.low for one in found])
        high = np.array([one.value if one.high is None else one.high for one in found])
        y = np.array(places) + shift
        axes.errorbar(values, y, xerr=(values - low, high - values), fmt=mark, color=colour, capsize=2, label=name)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=SMALL)
    axes.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5), xlabel="share of samples, with 95 % intervals")
    axes.legend(frameon=False, fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.5, 1.0 + 0.4 / len(rows)), ncols=2)
    _quiet(axes)
    save_figure(figure, path)


def plot_training(path: Path, history: Mapping[str, Sequence[float]], best_epoch: int | None = None) -> None:
    """One picture for each measure, training and validation in it. history: by Keras' names, one value an epoch.

    best_epoch: counted from 0; the pictures count from 1.
    """
    measures = [name for name in history if not name.startswith("val_") and name != "learning_rate"]
    figure = new_figure(3.4)
    for axes, name in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
        for key, colour, style, text in ((name, BLUE, "-", "training"), (f"val_{name}", ORANGE, "--", "validation")):
            if key in history:
                values = history[key]
                axes.plot(range(1, len(values) + 1), values, style, color=colour, linewidth=1.8, label=text)
        if best_epoch is not None:
            axes.axvline(
                best_epoch + 1, color=GREY, linewidth=1.0, linestyle=":", label=f"best: epoch {best_epoch + 1}"
            )
        axes.set(xlabel="epoch", title=name.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        # Where the curves are not: losses fall, and what is measured beside them rises.
        axes.legend(frameon=False, fontsize=SMALL, loc="upper right" if name == "loss" else "lower right")
        _quiet(axes)
    save_figure(figure, path)


def new_figure(height: float) -> Figure:
    """As wide as a page. height: inches."""
    figure = Figure((WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _quiet(*several: Axes) -> None:
    for axes in several:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#E5E5E5", linewidth=0.6)
        axes.set_axisbelow(True)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches="tight", pad_inches=0.1)
    write_atomically(path, buffer.getvalue())
