"""What a bundle of the detector finds in pictures with boxes: `pipit evaluate`, at the threshold that serves.

    precision, recall     as in the report of a training
    false_pictures        share of pictures without a print in which one is found
    baseline.*            the same of one box in every picture's middle, as large as these prints are on average

A server gives no print under the threshold, so that there is no average precision here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipit.bundle.manifest import Manifest
from pipit.errors import NotFound
from pipit.inputs import EncodedImage
from pipit.pipelines.served import Served
from pipit.training.examples import Further
from pipit.training.intervals import proportion
from pipit.training.progress import Progress
from pipit.types import Box

from footprints.detector.data import LABEL, LabelledPicture, read_set
from footprints.detector.report import evaluate_boxes, mean_side
from footprints.prints import Print


def read_examples(folder: Path, manifest: Manifest) -> Callable[[Served, Progress], Further]:
    """The test side of a folder in YOLO's layout, or all of it where that is empty. Raises NotFound, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds data.yaml, images/ and labels/")
    found = read_set(folder)
    pictures = [one for one in found.pictures if one.side == "test"] or list(found.pictures)
    threshold = manifest.decision.thresholds[LABEL]
    return partial(_measure, pictures, found.problems, threshold, manifest.lineage.seed)


def _measure(
    pictures: list[LabelledPicture],
    problems: tuple[str, ...],
    threshold: float,
    seed: int,
    served: Served,
    progress: Progress,
) -> Further:
    found: list[list[Print]] = []
    with progress.track("asking the bundle", len(pictures)) as bar:
        for one in pictures:
            answer = served.answer(EncodedImage(one.path.read_bytes()))
            boxes = [(part.region, part.region_score) for part in answer if isinstance(part.region, Box)]
            found.append([Print(box, score or 0.0) for box, score in boxes])
            bar.advance()
    for problem in problems:
        progress.say(f"left out: {problem}")
    details = {"pictures": len(pictures), "problems": list(problems)}
    if not any(one.boxes for one in pictures):
        alarms = proportion(sum(map(bool, found)), len(pictures))
        metrics = {} if alarms is None else {"false_pictures": alarms.to_metric()}
        return Further(metrics, "pictures without a print", details=details)
    evaluation = evaluate_boxes(pictures, found, threshold, mean_side(pictures), seed)
    metrics = {name: one for name, one in evaluation.metrics().items() if not name.endswith("average_precision")}
    return Further(metrics, "boxes", details=details)
