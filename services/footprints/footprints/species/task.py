"""The trainer of `footprints.species`. Its scores are the network's own outputs; see `footprints.species.whole`.

fit/<network>/<number>_<stage>.keras, .json    a network as a stage left it, and the stage's history
verify/names.json                    English and Latin names of the labels, which go into the bundle
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric
from pipit.inputs import Input
from pipit.inputs.crops import square_crop
from pipit.training.by_input.pictures.frozen import BATCH
from pipit.training.by_input.pictures.listing import Picture, Pixels, read_pixels
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.by_input.pictures.networks.squeezes import wake_squeezes
from pipit.training.by_input.pictures.trainer import Crop, Cropper, PictureTrainer
from pipit.training.evaluation import Evaluation, Scores
from pipit.training.fitting import Fitted, history_to_json
from pipit.training.keras_distributed import weights_digest
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import Ask, Kit, Outputs, Trained
from pipit.training.model_card import CardWords
from pipit.training.parity import Parity
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.sides import Entry, Side
from pipit.training.source_set import Listing
from pipit.training.trainer import NetworkFile

from footprints.detector.material import bare_ground
from footprints.names import families_of, name_of, names_of
from footprints.photographs import pictures_without_prints, read_photographs
from footprints.species.data import detector_of, opened_finder
from footprints.species.measure import BARE_GROUND, further_metrics
from footprints.species.network import build_network, load_checkpoint, settle_norms
from footprints.species.pipeline import CROP, DETECTOR, INPUT, OUTPUT
from footprints.species.recipe import SpeciesRecipe
from footprints.species.stages import Crops, Places, assemble, checkpoint_name, train_network
from footprints.species.synthetic import golden_inputs


class SpeciesTrainer(PictureTrainer[SpeciesRecipe]):
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[SpeciesRecipe]] = SpeciesRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "together"
    kit: ClassVar[Kit] = KerasKit(batch=BATCH)
    names: ClassVar[tuple[str, str]] = (INPUT, OUTPUT)
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert", "pillow")
    shown: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "mean_class_accuracy",
        "top3_accuracy",
        "macro_f1",
        "baseline.accuracy",
        "unknown_rate.prints",
        "unknown_rate.without_print",
        "size_mb",
    )
    least_agreement: ClassVar[float] = 0.6
    """The best two scores often lie close, and then 8 bits decide."""

    def __init__(self, recipe: SpeciesRecipe, data: Path | None) -> None:
        super().__init__(recipe, data)
        self.start_from = None if recipe.start_from is None else Path(recipe.start_from).expanduser()

    def read_source(self, folder: Path, source: Any) -> Listing[Picture]:
        """See `ClassifierTrainer`."""
        return read_photographs(folder, source.path, source.rename)

    def weights_files(self) -> Mapping[str, Path]:
        """The backbone's weights, the checkpoint and the detector, where they come from files."""
        detector = detector_of(self.recipe.crops, self.data)
        files = {
            **{BACKBONES[one.network].file.as_posix(): self._backbone(one) for one in self.recipe.networks()},
            "start_from.keras": self.start_from,
            "detector": None if detector is None else detector.weights(),
        }
        return {name: path for name, path in files.items() if path is not None}

    def read(self, path: Path) -> Pixels:
        """See `PictureTrainer`."""
        return read_pixels(path, self.recipe.crops.shorter_side, self.recipe.crops.smallest)

    @contextmanager
    def cropper(self) -> Iterator[Cropper]:
        """See `PictureTrainer`: the best print of the detector, else the middle. Facts: the detector's score."""
        with opened_finder(detector_of(self.recipe.crops, self.data)) as finder:

            def crop(pixels: Pixels) -> Crop:
                found = finder.find(pixels) if finder is not None else ()
                box, score = (found[0].box, found[0].score) if found else (None, 0.0)
                return Crop(square_crop(pixels, box, self.recipe.crops.margin, CROP), {"region_score": score})

            yield crop

    def split_items(self, run: Run, items: Sequence[Picture]) -> tuple[list[Entry], Facts]:
        """See `PictureTrainer`."""
        entries, facts = super().split_items(run, items)
        return entries, {**facts, "prints_found": sum(entry.extra["region_score"] > 0 for entry in entries)}

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """See `ClassifierTrainer`; each stage leaves its checkpoint and its history too."""
        train, validation = self._crops(run, "train"), self._crops(run, "validation")
        cache = run.cache / "species"
        trained: list[tuple[keras.Model, list[Fitted]]] = []
        facts: dict[str, Any] = {}
        some = np.asarray(self.calibration(run))
        for recipe in self.recipe.networks():
            places = Places(scratch / recipe.network, logs / recipe.network, cache)
            begin = partial(self._begun, recipe, len(self.labels(run)), train.pixels)
            trained.append(train_network(recipe, begin, train, validation, places, run.progress))
            wake_squeezes(trained[-1][0], some)
            facts[recipe.network] = self._keep_stages(run, recipe, places, trained[-1][1])
        whole = assemble([network for network, _ in trained], self.recipe, train, cache)
        return Trained(whole, trained[0][1][-1], {**facts, "weights_digest": weights_digest(whole)})

    def _keep_stages(self, run: Run, recipe: SpeciesRecipe, places: Places, stages: Sequence[Fitted]) -> Facts:
        output = run.output("fit") / recipe.network
        output.mkdir(parents=True)
        facts: dict[str, Any] = {}
        for number, (stage, fitted) in enumerate(zip(recipe.stages, stages, strict=True), 1):
            name = checkpoint_name(number, stage)
            shutil.copyfile(places.scratch / name, output / name)
            history, best = history_to_json(fitted.history), fitted.best_epoch
            run.write_json("fit", f"{recipe.network}/{Path(name).with_suffix('.json')}", history)
            facts[stage.name] = {"epochs": len(history["loss"]), "best_epoch": best + 1}
            facts[stage.name] |= {name: values[best] for name, values in history.items()}
        return facts

    def scores(self, run: Run, outputs: Outputs) -> Scores:
        """See `ClassifierTrainer`."""
        return outputs

    def groups(self, run: Run) -> Mapping[str, tuple[str, ...]]:
        """See `ClassifierTrainer`: families of several species."""
        return families_of(self.labels(run))

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: Side, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """See `footprints.species.measure`."""
        found = np.array([entry["region_score"] for entry in self.entries(run, "test")], np.float64)
        without = {kind: ask(np.stack(crops)) for kind, crops in self._crops_without_prints(run).items()}
        region_scores = found if self.recipe.crops.detector else None
        return further_metrics(
            evaluation.labels, scores, test.truth, test.groups, decision, without, region_scores, self.recipe.seed
        )

    def variant_metrics(self, parity: Mapping[str, Parity], sizes: Mapping[str, int]) -> Mapping[str, Metric]:
        """See `ClassifierTrainer`; the size of each, too."""
        found = dict(super().variant_metrics(parity, sizes))
        served = found.pop("size_mb")
        each = {f"size_mb.{name}": Metric(value=size / 1e6, samples=0) for name, size in sizes.items()}
        return {**found, **each, "size_mb": served}

    def after_verify(self, run: Run, scores: Scores, test: Side) -> None:
        """See `PictureTrainer`; leaves names of the labels, too."""
        super().after_verify(run, scores, test)
        run.write_json("verify", "names.json", names_of(self.labels(run)))

    def files(self, run: Run) -> Mapping[str, Path]:
        """See `ClassifierTrainer`."""
        return {"names.json": run.output("verify") / "names.json"}

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        return InputDescription(kind="image", shape=(CROP, CROP, 3), units="RGB, 0..255")

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `footprints.species.pipeline.SpeciesSettings`."""
        crops, detector = self.recipe.crops, detector_of(self.recipe.crops, self.data)
        own = {"crop": CROP, "margin": crops.margin, "shorter_side": crops.shorter_side}
        return own if detector is None else {**own, DETECTOR: dict(detector.manifest.pipeline.parameters)}

    def networks(self) -> Mapping[str, NetworkFile]:
        """See `ClassifierTrainer`."""
        detector = detector_of(self.recipe.crops, self.data)
        if detector is None:
            return {}
        return {DETECTOR: NetworkFile(detector.manifest.variant().runtime, detector.weights())}

    def golden(self, run: Run) -> Sequence[Input]:
        """See `ClassifierTrainer`."""
        with opened_finder(detector_of(self.recipe.crops, self.data)) as finder:
            return golden_inputs(self.recipe.golden.samples, self.recipe.seed, finder)

    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """See `ClassifierTrainer`."""
        middle = ("No detector: it looks at the largest square in the middle of a picture.",)
        return CardWords(
            purpose=f"Says which animal left a print: {', '.join(map(_named, evaluation.labels))}.",
            not_for=(
                "Deciding about an animal: hunting, culling, traps or claims for damage. It is wrong often, and dogs "
                "and wolves, coyotes and foxes leave prints that people confuse too.",
                "Safety: that it names no bear does not mean that there is none.",
            ),
            limits=(
                *(() if self.recipe.crops.detector else middle),
                "Photographs are chosen, and show the print large and sharp; what people send is neither.",
                "It knows no track, no size and no place, by which people tell one animal from another.",
                "A species that it was not trained on is named as one that it was, unless its scores are low.",
                "Unknown is what looks like no photograph of training, and what it would be wrong about more often "
                "than right. That bare ground bears no print, it often does not see.",
            ),
        )

    def _backbone(self, recipe: SpeciesRecipe) -> Path | None:
        return BACKBONES[recipe.network].weights_file(self.data) if recipe.weights == "imagenet" else None

    def _begun(self, recipe: SpeciesRecipe, outputs: int, crops: Pixels) -> keras.Model:
        """A network as its training begins. recipe: its own. crops: of the training."""
        pretrained = self.recipe.weights == "imagenet" and self.start_from is None
        network = build_network(recipe.network, self._backbone(recipe), outputs, recipe.head, pretrained=pretrained)
        if self.start_from is not None:
            load_checkpoint(network, self.start_from)
        elif not pretrained:
            settle_norms(network, crops[:BATCH])
        return network

    def _crops(self, run: Run, side: str) -> Crops:
        found = self.side(run, side)
        return Crops(found.rows, found.truth, tuple(entry["source"] for entry in self.entries(run, side)))

    def _crops_without_prints(self, run: Run) -> dict[str, list[Pixels]]:
        """Of pictures of anything else, drawn with the seed, by their folder; and of bare ground in test photographs.

        What is found in one is believed, as on a device.
        """
        with self.cropper() as crop:
            crops: dict[str, list[Pixels]] = {}
            for name, paths in pictures_without_prints(self.data, self.recipe.without_print).items():
                order = np.random.default_rng(self.recipe.seed).permutation(len(paths))
                chosen = [paths[i] for i in order[: self.recipe.without_print_samples]]
                crops[Path(name).name] = [crop(self.read(path)).pixels for path in chosen]
            grounds = [bare_ground(read_pixels(picture.path)) for picture in self.items(run, "test")]
            crops[BARE_GROUND] = [crop(ground).pixels for ground in grounds if ground is not None]
        counts = {kind: len(found) for kind, found in crops.items() if found}
        run.progress.say(f"without a print: {counts or 'no pictures'}")
        return {kind: crops[kind] for kind in counts}


def _named(label: str) -> str:
    name = name_of(label)
    return label if name is None else f"{label} ({name.english}, *{name.latin}*)"
