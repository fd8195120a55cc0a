"""What a detector is worth: `evaluation.json`, plots and contact sheets of its report.

format, kind           1, "boxes"
pictures, prints       measured on; sources: photographs that their prints come from
threshold, overlap     least score of a print; least intersection over union of a right box
precision, recall, average_precision, false_pictures      {value, samples, low, high}, see `matching.Detection`
without_prints         share of real pictures without a print in which one is found: "" for all kinds that trained, each
                       kind, and `unseen` for kinds that never trained
baseline               what stands before, of one box in every picture's middle, as large as a print is on average
seed, software         of the bootstrap; names of packages with their versions
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pipit.bundle.manifest import Metric
from pipit.files import write_atomically
from pipit.training.evaluation import PACKAGES, software_versions
from pipit.training.intervals import Estimate
from pipit.training.plots import BLUE, GREY, ORANGE, plot_training
from pipit.types import Box

from footprints.detector.data import LabelledPicture
from footprints.detector.matching import LEAST_OVERLAP, Detection, Matches, match, measure
from footprints.prints import Print

FORMAT = 1


@dataclass(frozen=True, slots=True)
class BoxEvaluation:
    """Of the test pictures. baseline: of a box in the middle. without_prints: see `without_prints.shares_found`."""

    threshold: float
    found: Detection
    baseline: Detection
    matches: Matches
    seed: int
    without_prints: Mapping[str, Estimate] = field(default_factory=dict)

    def metrics(self) -> dict[str, Metric]:
        """As a manifest keeps them: precision, recall, average_precision, false_pictures, and each with `baseline.`.

        `real.false` and `real.false.<kind>` are what is found in real pictures without a print.
        """
        named: dict[str, Estimate | None] = {}
        for prefix, detection in (("", self.found), ("baseline.", self.baseline)):
            named[f"{prefix}precision"] = detection.precision
            named[f"{prefix}recall"] = detection.recall
            named[f"{prefix}average_precision"] = detection.average_precision
            named[f"{prefix}false_pictures"] = detection.false_pictures
        named |= {f"real.false.{kind}".rstrip("."): share for kind, share in self.without_prints.items()}
        return {name: estimate.to_metric() for name, estimate in named.items() if estimate is not None}


def evaluate_boxes(
    pictures: Sequence[LabelledPicture],
    found: Sequence[Sequence[Print]],
    threshold: float,
    mean_side: tuple[float, float],
    seed: int,
    without_prints: Mapping[str, Estimate] | None = None,
) -> BoxEvaluation:
    """found: of each picture, every score that counts. mean_side: of a print, in shares of the picture."""
    truths, groups = [picture.boxes for picture in pictures], [picture.source for picture in pictures]
    matches = match(found, truths, groups)
    middle = match([(_middle(picture.size, mean_side),) for picture in pictures], truths, groups)
    found_at, baseline = measure(matches, threshold, seed), measure(middle, 0.5, seed)
    return BoxEvaluation(threshold, found_at, baseline, matches, seed, without_prints or {})


def mean_side(pictures: Sequence[LabelledPicture]) -> tuple[float, float]:
    """Width and height of the prints of pictures, on average, in shares of the picture; 0 without any."""
    sides = [
        (box.width / picture.size[0], box.height / picture.size[1]) for picture in pictures for box in picture.boxes
    ]
    width, height = np.mean(sides, axis=0) if sides else (0.0, 0.0)
    return float(width), float(height)


def write_box_report(
    folder: Path, evaluation: BoxEvaluation, history: Mapping[str, Sequence[float]], packages: Sequence[str]
) -> None:
    """Writes `evaluation.json`, `precision_recall.png`, `training.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    matches = evaluation.matches
    content = {
        "format": FORMAT,
        "kind": "boxes",
        "pictures": len(matches.truths),
        "prints": int(matches.truths.sum()),
        "sources": len(set(matches.groups)),
        "threshold": evaluation.threshold,
        "overlap": LEAST_OVERLAP,
        **asdict(evaluation.found),
        "without_prints": {kind: asdict(share) for kind, share in evaluation.without_prints.items()},
        "baseline": asdict(evaluation.baseline),
        "seed": evaluation.seed,
        "software": software_versions((*PACKAGES, *packages)),
    }
    write_atomically(folder / "evaluation.json", json.dumps(content, indent=1, allow_nan=False).encode())
    _plot_precision(folder / "precision_recall.png", evaluation)
    plot_training(folder / "training.png", history)


def _middle(size: tuple[int, int], side: tuple[float, float]) -> Print:
    width, height = size[0] * side[0], size[1] * side[1]
    return Print(Box((size[0] - width) / 2, (size[1] - height) / 2, width, height), 1.0)


def _plot_precision(path: Path, evaluation: BoxEvaluation) -> None:
    matches = evaluation.matches
    order = np.argsort(-matches.scores, kind="stable")
    hits = matches.right[order].cumsum()
    figure = Figure((6.0, 4.0), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    recall, precision = hits / max(int(matches.truths.sum()), 1), hits / np.arange(1, len(hits) + 1)
    axes.plot(recall, precision, color=BLUE, linewidth=1.8, label="detector")
    for name, detection, colour, marker in (
        (f"at {evaluation.threshold:.2f}", evaluation.found, ORANGE, "o"),
        ("a box in the middle", evaluation.baseline, GREY, "s"),
    ):
        point = detection.recall.value, detection.precision.value
        axes.plot(*point, marker, color=colour, label=f"{name}: recall {point[0]:.2f}, precision {point[1]:.2f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png", metadata={"Software": None})
