"""The trainer of `footprints.detector`: the six steps of `pipit.training.steps`.

prepare   composes scenes of photographs, or reads pictures with boxes; names every bad file and line; adds pictures
          without prints
fit       trains by ultralytics, in an environment of its own
evaluate  the threshold from validation pictures, precision and recall of test pictures, what is found in those without
export    ONNX float32 and int8
verify    each variant beside the trained network; the one that will serve on real photographs, to be looked at
"""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import IntegrityError, InvalidInput
from pipit.training.by_input.pictures.listing import read_pixels
from pipit.training.by_input.pictures.sides import describe_sides
from pipit.training.fitting import history_from_json, history_to_json
from pipit.training.intervals import proportion
from pipit.training.onnx_convolutions import quantise_convolutions
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.sides import SIDES, describe_split
from pipit.training.source_set import settle_problems
from pipit.training.trainer import BundleDraft, VariantFile
from pipit.types import Box

from footprints.detector.card import write_card
from footprints.detector.data import LABEL, LabelledPicture, count_pictures, read_set, set_files
from footprints.detector.looking import Entry, look, write_sheet
from footprints.detector.matching import best_threshold, match
from footprints.detector.network import export_network, start_file, train_network, trained_outputs
from footprints.detector.recipe import GROUND, DetectorRecipe
from footprints.detector.report import BoxEvaluation, evaluate_boxes, mean_side, write_box_report
from footprints.detector.scene_set import describe_material, gather, split_photographs, write_grounds, write_scenes
from footprints.detector.searching import LOWEST, above, exported_outputs, read_outputs, read_squares
from footprints.detector.synthetic import golden_inputs
from footprints.detector.without_prints import (
    ground_pictures,
    present_sources,
    printless_files,
    quiet_threshold,
    read_printless,
    shares_found,
)
from footprints.photographs import read_photographs
from footprints.prints import INPUT, FinderSettings, Print

SHOWN = ("precision", "recall", "average_precision", "false_pictures", "real.found", "real.false", "real.false.unseen")
SCENES_ON_SHEET = 40
LARGEST_DIFFERENCE = {"box": 0.5, "score": 0.005}
"""Between the trained network and its export: of a box's edge in pixels, of a score."""
PACKAGES = ("onnxruntime",)
Found = Sequence[Sequence[Print]]
_Searched = tuple[list[LabelledPicture], list[Sequence[Print]]]


class DetectorTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[DetectorRecipe]] = DetectorRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "guide"
    distributed: ClassVar[bool] = False

    def __init__(self, recipe: DetectorRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data
        self._source = recipe.prints

    def data_files(self) -> Mapping[str, Path]:
        """See `Trainer`. The weights to begin with count as data."""
        folder = self._source.folder(self._data)
        files = set_files(folder) if self._source.kind == "yolo" else read_photographs(folder).files
        start = start_file(self.recipe, self._data)
        others = {} if start is None else {f"start/{start.name}": start}
        return {**files, **printless_files(self.recipe, self._data), **others}

    def prepare(self, run: Run) -> Facts:
        """Leaves `pictures.json`, and what it composed in `scenes/` and cut out in `ground/`."""
        folder = self._source.folder(self._data)
        facts: dict[str, Any] = {}
        others = read_printless(self.recipe, self._data)
        settle_problems(run, others.problems)
        if others.absent:
            run.progress.say(f"trained without {', '.join(others.absent)}, which are not there")
        without = others.pictures
        if self._source.kind == "photographs":
            folder, ground, facts = self._compose(run, folder)
            without = (*ground, *without)
        with run.progress.track("reading pictures and boxes", count_pictures(folder)) as bar:
            found = read_set(folder, lambda _done, _all: bar.advance())
        settle_problems(run, found.problems)
        for side in SIDES:
            if not any(picture.boxes for picture in found.pictures if picture.side == side):
                raise InvalidInput(f"no picture of {side} has a print; add pictures with boxes")
        folders = self._folders(run)
        entries = [_to_json(picture, folders[picture.kind]) for picture in (*found.pictures, *without)]
        run.write_json("prepare", "pictures.json", entries)
        run.write_json("prepare", "absent.json", others.absent)
        boxes = Counter(picture.side for picture in found.pictures for _ in picture.boxes)
        kinds = Counter(f"{picture.side}_{picture.kind}" for picture in without)
        counts = {**{f"{side}_boxes": n for side, n in boxes.items()}, **kinds}
        return {**facts, **counts, "bad_files": len(found.problems) + len(others.problems)}

    def fit(self, run: Run) -> Facts:
        """Leaves `best.pt` and `history.json`."""
        pictures = self._pictures(run)
        start = start_file(self.recipe, self._data)
        to = run.output("fit") / "best.pt"
        history = train_network(self.recipe, pictures, start, run.scratch("fit"), to, run.progress).history
        run.write_json("fit", "history.json", history_to_json(history))
        precisions = [value for value in history["val_average_precision"] if math.isfinite(value)]
        return {"epochs": len(history["loss"]), "val_average_precision": max(precisions, default=0.0)}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `threshold.json` and the trained network's report."""
        sides = [[p for p in self._pictures(run) if p.side == side] for side in ("validation", "test")]
        squares, placements = read_squares([p.path for side in sides for p in side], self.recipe.finding.size)
        run.progress.say(f"asking the trained network about {len(squares)} pictures")
        outputs = trained_outputs(run.output("fit") / "best.pt", squares, run.scratch("evaluate"))
        found = read_outputs(outputs, placements, self._finder(LOWEST))
        count = len(sides[0])
        threshold = self._choose_threshold(sides[0], found[:count])
        run.write_json("evaluate", "threshold.json", threshold)
        np.save(run.output("evaluate") / "test_outputs.npy", outputs[count:])
        evaluation = self._measure(run, sides[1], found[count:], threshold)
        self._report(run, "evaluate", evaluation)
        return {name: metric.value for name, metric in evaluation.metrics().items()} | {"threshold": threshold}

    def export(self, run: Run) -> Facts:
        """Leaves `<variant>.onnx`."""
        export = self.recipe.export
        exported = run.scratch("export") / "float32.onnx"
        export_network(run.output("fit") / "best.pt", self.recipe.finding.size, exported, run.scratch("export"))
        if "float32" in export.variants:
            shutil.copyfile(exported, _network(run, "float32"))
        if "int8" in export.variants:
            paths = [picture.path for picture in self._pictures(run) if picture.side == "train"]
            squares, _ = read_squares(paths[: export.calibration_samples], self.recipe.finding.size)
            rows = squares.astype(np.float32) / np.float32(255)
            quantise_convolutions(exported, _network(run, "int8"), {INPUT: rows})
        return {f"{variant}_bytes": _network(run, variant).stat().st_size for variant in export.variants}

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`, the report, metrics and model card of the network that will serve."""
        pictures = [p for p in self._pictures(run) if p.side == "test"]
        squares, placements = read_squares([p.path for p in pictures], self.recipe.finding.size)
        outputs = self._outputs(run, squares)
        self._require_parity(run, outputs)
        threshold = run.read_json("evaluate", "threshold.json")
        prints = {name: read_outputs(given, placements, self._finder(LOWEST)) for name, given in outputs.items()}
        evaluations = {name: self._measure(run, pictures, given, threshold) for name, given in prints.items()}
        default = self.recipe.export.default_variant
        found, evaluation = prints[default], evaluations[default]
        report = self._report(run, "verify", evaluation)
        (scenes, of_scenes), _ = _apart(pictures, found)
        shown = list(zip(scenes, above(of_scenes, threshold), strict=True))[:SCENES_ON_SHEET]
        write_sheet(report / "scenes.png", [Entry(read_pixels(p.path), prints, p.boxes) for p, prints in shown])
        best = np.array([[max((one.score for one in prints), default=0.0)] for prints in of_scenes], np.float32)
        run.write_json("verify", "best_scores.json", score_histogram(best).model_dump(mode="json"))
        metrics = evaluation.metrics() | self._look(run, threshold)
        metrics["size_mb"] = Metric(value=_network(run, default).stat().st_size / 1e6, samples=0)
        best_known = np.load(run.output("evaluate") / "test_outputs.npy")
        trained = self._measure(run, pictures, read_outputs(best_known, placements, self._finder(LOWEST)), threshold)
        for name, one in evaluations.items():
            loss = trained.found.average_precision.value - one.found.average_precision.value
            metrics[f"{name}_loss_points"] = Metric(value=100 * loss, samples=len(scenes))
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        write_card(report / "model_card.md", self.recipe, run, metrics, self._rule(), PACKAGES)
        return {name: metric.value for name, metric in metrics.items() if name in SHOWN or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are drawn by a program: photographs are not ours to pass on."""
        threshold = run.read_json("evaluate", "threshold.json")
        finding, finder = self.recipe.finding, self._finder(threshold)
        metrics = run.read_json("verify", "metrics.json")
        parameters = {"size": finding.size, "threshold": threshold, "overlap": finding.overlap, "most": finding.most}
        return BundleDraft(
            labels=(LABEL,),
            input=InputDescription(kind="image", shape=(3, finding.size, finding.size), units="RGB, 0 to 1"),
            pipeline=PipelineReference(name=self.recipe.task, parameters=parameters),
            variants=tuple(VariantFile(v, "onnx", _network(run, v)) for v in self.recipe.export.variants),
            decision=Decision(thresholds={LABEL: threshold}),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=golden_inputs(
                [_network(run, v) for v in self.recipe.export.variants],
                finder,
                self.recipe.golden.samples,
                self.recipe.seed,
            ),
            best_scores=ScoreHistogram.model_validate(run.read_json("verify", "best_scores.json")),
            split_rule=self._rule(),
            files={f"report/{p.name}": p for p in sorted((run.output("verify") / "report").iterdir())},
        )

    def _compose(self, run: Run, photographs: Path) -> tuple[Path, tuple[LabelledPicture, ...], dict[str, Any]]:
        """The folder of scenes, pictures of bare ground, facts."""
        found = split_photographs(photographs, self.recipe.split, self.recipe.seed)
        settle_problems(run, found.problems)
        material = gather(found.pictures, run.progress)
        folders, counts = self._folders(run), self.recipe.scenes.model_dump()
        write_scenes(folders[""], material, counts, self.recipe.seed, run.progress)
        ground = ground_pictures(folders[GROUND], self.recipe, write_grounds(folders[GROUND], material))
        names = [picture.path.relative_to(photographs).as_posix() for picture in found.pictures["test"]]
        run.write_json("prepare", "photographs.json", names)
        made_of = describe_material(found.pictures, material)
        facts = {f"{side}_{name}": n for side, made in made_of.items() for name, n in made.items()}
        return folders[""], ground, facts

    def _folders(self, run: Run) -> dict[str, Path]:
        """Where pictures lie, by their kind."""
        prepared = run.output("prepare")
        composed = self._source.kind == "photographs"
        printless = {source.name: source.folder(self._data) for source, _ in present_sources(self.recipe, self._data)}
        scenes = prepared / "scenes" if composed else self._source.folder(self._data)
        return {"": scenes, GROUND: prepared / GROUND, **printless}

    def _pictures(self, run: Run) -> list[LabelledPicture]:
        folders = self._folders(run)
        return [_from_json(entry, folders[entry["kind"]]) for entry in run.read_json("prepare", "pictures.json")]

    def _choose_threshold(self, pictures: Sequence[LabelledPicture], found: Found) -> float:
        """Where F1 is highest on scenes, or higher: where pictures without prints are quiet enough."""
        (scenes, of_scenes), (others, of_others) = _apart(pictures, found)
        best = best_threshold(match(of_scenes, [p.boxes for p in scenes], [p.source for p in scenes]))
        return max(best, quiet_threshold(others, of_others, self.recipe.without_prints.found))

    def _finder(self, threshold: float) -> FinderSettings:
        finding = self.recipe.finding
        return FinderSettings(finding.size, threshold, finding.overlap, finding.most)

    def _outputs(self, run: Run, squares: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Of each variant, in the runtime that will serve it."""
        variants = self.recipe.export.variants
        with run.progress.track("looking at test pictures", len(squares) * len(variants)) as bar:
            return {variant: exported_outputs(_network(run, variant), squares, bar.advance) for variant in variants}

    def _require_parity(self, run: Run, outputs: Mapping[str, NDArray[np.float32]]) -> None:
        """Leaves `parity.json`. Raises IntegrityError if the float32 export is not the trained network."""
        trained = np.load(run.output("evaluate") / "test_outputs.npy")
        parity = {}
        for variant, given in outputs.items():
            difference = np.abs(given - trained)
            parity[variant] = {"box": float(difference[:, :4].max()), "score": float(difference[:, 4:].max())}
        run.write_json("verify", "parity.json", parity)
        found = parity.get("float32", {})
        if any(found[name] > LARGEST_DIFFERENCE[name] for name in found):
            raise IntegrityError(f"the exported network is not the trained one ({found}); the export went wrong")

    def _measure(self, run: Run, pictures: Sequence[LabelledPicture], found: Found, threshold: float) -> BoxEvaluation:
        side = mean_side([p for p in self._pictures(run) if p.side == "train" and not p.kind])
        (scenes, of_scenes), (others, of_others) = _apart(pictures, found)
        shares = shares_found(others, of_others, threshold, self.recipe) if others else {}
        return evaluate_boxes(scenes, of_scenes, threshold, side, self.recipe.seed, shares)

    def _report(self, run: Run, step: str, evaluation: BoxEvaluation) -> Path:
        """Gives its folder."""
        report = run.output(step) / "report"
        write_box_report(report, evaluation, history_from_json(run.read_json("fit", "history.json")), PACKAGES)
        return report

    def _look(self, run: Run, threshold: float) -> dict[str, Metric]:
        """Share of real photographs of prints in which one is found; `detections.png`."""
        if self._source.kind != "photographs":
            return {}
        folder = self._source.folder(self._data)
        paths = [folder / name for name in run.read_json("prepare", "photographs.json")]
        network = _network(run, self.recipe.export.default_variant)
        found, shown = look(network, self._finder(threshold), paths, self.recipe.seed, run.progress)
        write_sheet(run.output("verify") / "report" / "detections.png", shown)
        share = proportion(found, len(paths))
        return {} if share is None else {"real.found": share.to_metric()}

    def _rule(self) -> str:
        if self._source.kind == "yolo":
            return "as the data set has it"
        rule, seed = self.recipe.split, self.recipe.seed
        words = f"photographs, before anything is cut from them: {describe_sides(rule, seed)}"
        if not self.recipe.printless:
            return words
        return f"{words}; of pictures without prints {describe_split(rule, seed, 'people or folders')}"


def _network(run: Run, variant: str) -> Path:
    return run.output("export") / f"{variant}.onnx"


def _to_json(picture: LabelledPicture, folder: Path) -> dict[str, Any]:
    return {
        "name": picture.path.relative_to(folder).as_posix(),
        "kind": picture.kind,
        "side": picture.side,
        "source": picture.source,
        "size": picture.size,
        "boxes": [[box.left, box.top, box.width, box.height] for box in picture.boxes],
    }


def _from_json(entry: Mapping[str, Any], folder: Path) -> LabelledPicture:
    width, height = entry["size"]
    boxes = tuple(Box(*values) for values in entry["boxes"])
    return LabelledPicture(
        folder / entry["name"], entry["side"], entry["source"], (width, height), boxes, entry["kind"]
    )


def _apart(pictures: Sequence[LabelledPicture], found: Found) -> tuple[_Searched, _Searched]:
    """Those that prints are learnt from, and those without a print; each with what was found."""
    parts: tuple[_Searched, _Searched] = ([], []), ([], [])
    for picture, prints in zip(pictures, found, strict=True):
        several, of_them = parts[bool(picture.kind)]
        several.append(picture)
        of_them.append(prints)
    return parts
