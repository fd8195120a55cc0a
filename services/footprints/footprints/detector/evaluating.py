"""What a bundle of the detector finds in a folder of pictures: `pipit evaluate`, at the threshold that serves.

    data.yaml in it              pictures with boxes, in YOLO's layout
        precision, recall        as in the report of a training
        false_pictures           share of pictures without a print in which one is found
        baseline.*               the same of one box in every picture's middle, as large as these prints are on average
    train/, val/ or test/ in it  photographs of prints without boxes, as `footprints.species` has them
        real.found               share of those that test in which a print is found
    neither                      pictures without a print, at any depth
        real.false               share in which a print is found; pictures of one folder count once in its interval,
                                 where there are several folders

A server gives no print under the threshold, so that there is no average precision here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.pipelines.served import Served
from pipit.training.by_input.pictures.listing import FOLDERS, pictures_below
from pipit.training.examples import Further
from pipit.training.intervals import proportion
from pipit.training.progress import Progress
from pipit.types import Box

from footprints.detector.data import DATA_FILE, LABEL, LabelledPicture, read_set
from footprints.detector.report import evaluate_boxes, mean_side
from footprints.detector.without_prints import share_of_groups
from footprints.photographs import SINGLE_PRINTS, read_photographs
from footprints.prints import Print

Measure = Callable[[Served, Progress], Further]


def read_examples(folder: Path, manifest: Manifest) -> Measure:
    """See the module's text; of a folder with sides the one that tests. Raises NotFound, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name one that holds pictures, or data.yaml, images/ and labels/")
    if (folder / DATA_FILE).is_file():
        found = read_set(folder)
        pictures = [one for one in found.pictures if one.side == "test"] or list(found.pictures)
        threshold = manifest.decision.thresholds[LABEL]
        return partial(_measure_boxes, pictures, found.problems, threshold, manifest.lineage.seed)
    if any((folder / part / name).is_dir() for part in ("", SINGLE_PRINTS) for name in FOLDERS):
        photographs = read_photographs(folder).items
        chosen = [one for one in photographs if one.side == "test"] or list(photographs)
        return partial(_measure_found, "real.found", "photographs of prints", [(one.path, one.name) for one in chosen])
    paths = pictures_below(folder)
    if not paths:
        raise InvalidInput(f"{folder} holds no pictures; name the folder that they lie in")
    by_folder = len({path.parent for path in paths}) > 1
    groups = [str(path.parent if by_folder else path) for path in paths]
    return partial(_measure_found, "real.false", "pictures without a print", list(zip(paths, groups, strict=True)))


def _ask(paths: Sequence[Path], served: Served, progress: Progress) -> tuple[dict[Path, list[Print]], list[str]]:
    """Prints by picture, and a line for each that can't be asked about."""
    found: dict[Path, list[Print]] = {}
    problems = []
    with progress.track("asking the bundle", len(paths)) as bar:
        for path in paths:
            try:
                answer = served.answer(EncodedImage(path.read_bytes()))
            except (InvalidInput, InputTooLarge, OSError) as error:
                problems.append(f"{path}: {error}")
            else:
                boxes = [(part.region, part.region_score) for part in answer if isinstance(part.region, Box)]
                found[path] = [Print(box, score or 0.0) for box, score in boxes]
            bar.advance()
    return found, problems


def _measure_found(
    metric: str, title: str, pictures: list[tuple[Path, str]], served: Served, progress: Progress
) -> Further:
    """Share of pictures in which anything is found. pictures: with the names of their groups."""
    found, problems = _ask([path for path, _ in pictures], served, progress)
    for problem in problems:
        progress.say(f"left out: {problem}")
    asked = [(bool(found[path]), group) for path, group in pictures if path in found]
    details = {"pictures": len(asked), "problems": problems}
    if not asked:
        return Further({}, title, details=details)
    share = share_of_groups([any_found for any_found, _ in asked], [group for _, group in asked])
    return Further({metric: share.to_metric()}, title, details=details)


def _measure_boxes(
    pictures: list[LabelledPicture],
    problems: tuple[str, ...],
    threshold: float,
    seed: int,
    served: Served,
    progress: Progress,
) -> Further:
    asked, unasked = _ask([one.path for one in pictures], served, progress)
    for problem in (*problems, *unasked):
        progress.say(f"left out: {problem}")
    pictures = [one for one in pictures if one.path in asked]
    found = [asked[one.path] for one in pictures]
    details = {"pictures": len(pictures), "problems": [*problems, *unasked]}
    if not any(one.boxes for one in pictures):
        alarms = proportion(sum(map(bool, found)), len(pictures))
        metrics = {} if alarms is None else {"false_pictures": alarms.to_metric()}
        return Further(metrics, "pictures without a print", details=details)
    evaluation = evaluate_boxes(pictures, found, threshold, mean_side(pictures), seed)
    metrics = {name: one for name, one in evaluation.metrics().items() if not name.endswith("average_precision")}
    return Further(metrics, "boxes", details=details)
