"""A recipe of detector: what `pipit.training.recipe` has, and what only boxes around prints need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

from pipit.training.by_input.pictures.settings import Fraction, PictureSplit
from pipit.training.recipe import Count, DataSource, OnnxExport, Optimiser, Recipe, RecipePart
from pydantic import Field, model_validator

GROUND = "ground"
"""Kind of picture without a print: squares of bare ground, real ones, out of the photographs."""


class BoxSource(DataSource):
    """One data set.

    `photographs`: in folders by class, without boxes; scenes are composed of them. `yolo`: pictures with boxes.
    """

    kind: Literal["photographs", "yolo"]
    optional: Literal[False] = False
    """There is no other."""


class PrintlessSource(DataSource):
    """Real pictures in which there is no print, at any depth of the folder."""

    kind: Literal["without_prints"]
    groups: Literal["folder", "name"] = "folder"
    """What stays on one side, such as a person: the folder of a picture, or its name without the number at the end. Two
    data sets that name a group alike share it."""
    trains: bool = True
    """False: all of it tests, so that it tells about a kind of picture that the training never saw."""

    @property
    def name(self) -> str:
        """Of this kind of picture, in metrics: the folder's last part."""
        return PurePath(self.path).name


class UltralyticsOptimiser(Optimiser):
    """Those that `footprints.detector.network` can ask ultralytics for."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    schedule: Literal["constant", "cosine"] = "cosine"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """For `sgd`; for the others the first of their two betas."""


class Scenes(RecipePart):
    """How many scenes are composed, for each side of the split."""

    train: Count = 1000
    validation: Count = 150
    test: Count = 250


class Augmentation(RecipePart):
    """How ultralytics varies training pictures, each time anew. Scenes hold turned and shaded prints already."""

    flip: Fraction = 0.5
    """How often left and right are exchanged, and how often top and bottom."""
    scale: Fraction = 0.3
    """Enlarged or made smaller by up to this share."""
    shift: Fraction = 0.1
    """Of the picture's side."""
    mosaic: Fraction = 0.0
    """How often four pictures become one. Costs time; of use for few pictures."""


class Finding(RecipePart):
    """How the network's answer becomes prints; goes into the bundle."""

    size: Annotated[int, Field(ge=64, le=1280, multiple_of=32)] = 320
    """Side of the network's input, pixels."""
    overlap: Fraction = 0.5
    """Two boxes whose intersection over union is larger are one print."""
    most: Count = 20
    """Prints of one picture; the best ones."""


class WithoutPrints(RecipePart):
    """How pictures without a print are used; their data sets are named under `data`."""

    train: Annotated[int, Field(ge=0)] = 200
    """Of each kind at most, drawn by the seed: the more, the quieter, and the slower. 0: they choose and test alone."""
    found: Fraction = 0.02
    """The threshold is raised until at most this share of each kind's validation pictures has a print found in it."""


class DetectorExport(OnnxExport):
    """Which forms of the weights a bundle holds."""

    calibration_samples: Count = 64
    """Real training pictures that set the ranges of the int8 variant."""


class DetectorRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`. `epochs`, `batch_size`, `optimiser`: given to ultralytics."""

    unheeded: ClassVar[Mapping[str, str]] = {
        "class_weights": "there is one class; leave it out",
        "thresholds": "F1 and without_prints.found decide from which score a print counts; leave it out",
    }

    network: Literal["yolov8n"]
    data: Annotated[
        tuple[Annotated[BoxSource | PrintlessSource, Field(discriminator="kind")], ...], Field(min_length=1)
    ]
    """Photographs or pictures with boxes first; beside photographs, any number of pictures without prints."""
    split: PictureSplit
    """Of photographs. Pictures with boxes have their sides already."""
    optimiser: UltralyticsOptimiser = UltralyticsOptimiser()
    start: str = ""
    """Weights to begin with, below the folder of data sets: `.pt` of ultralytics, `.tflite` of YOLOv8n; empty: none."""
    frozen_layers: Annotated[int, Field(ge=0, le=21)] = 0
    """First layers that keep the weights they began with; 10: all that YOLO calls its backbone. Saves time."""
    scenes: Scenes = Scenes()
    augmentation: Augmentation = Augmentation()
    finding: Finding = Finding()
    without_prints: WithoutPrints = WithoutPrints()
    export: DetectorExport = DetectorExport()

    @model_validator(mode="after")
    def _frozen_layers_are_trained_ones(self) -> DetectorRecipe:
        if self.frozen_layers and not self.start:
            raise ValueError("frozen_layers keeps weights that `start` gives; name a file, or leave it at 0")
        return self

    @property
    def prints(self) -> BoxSource:
        """The data set that prints are learnt from."""
        first = self.data[0]
        assert isinstance(first, BoxSource)  # The validator has seen to it.
        return first

    @property
    def printless(self) -> tuple[PrintlessSource, ...]:
        """The data sets without prints."""
        return tuple(source for source in self.data if isinstance(source, PrintlessSource))

    @model_validator(mode="after")
    def _one_data_set_has_prints(self) -> DetectorRecipe:
        if not isinstance(self.data[0], BoxSource) or len(self.printless) != len(self.data) - 1:
            raise ValueError("data begins with photographs or yolo; all others are of the kind without_prints")
        names = [GROUND, *(source.name for source in self.printless)]
        if len(set(names)) < len(names):
            raise ValueError(f"the data sets without prints bear the names {', '.join(names)}; each needs its own")
        return self

    @model_validator(mode="after")
    def _photographs_are_there_for_what_needs_them(self) -> DetectorRecipe:
        if self.prints.kind == "photographs":
            return self
        if self.printless:
            raise ValueError(
                "data without_prints goes with photographs; a set of the kind yolo holds pictures without a box itself"
            )
        plain = {"split": PictureSplit(rule="group"), "scenes": Scenes(), "without_prints": WithoutPrints()}
        changed = [name for name, value in plain.items() if getattr(self, name) != value]
        if changed:
            raise ValueError(
                f"{', '.join(changed)}: for photographs; data of the kind yolo has its pictures and its sides already, "
                "so leave it as it is"
            )
        return self
