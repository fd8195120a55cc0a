"""A recipe of detector: what `pipit.training.recipe` has, and what only boxes around prints need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pipit.training.by_input.pictures.settings import Fraction, PictureSplit
from pipit.training.recipe import Count, DataSource, OnnxExport, Optimiser, Recipe, RecipePart
from pydantic import Field, model_validator


class BoxSource(DataSource):
    """One data set.

    `photographs`: in folders by class, without boxes; scenes are composed of them. `yolo`: pictures with boxes.
    """

    kind: Literal["photographs", "yolo"]
    optional: Literal[False] = False
    """There is no other."""


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


class Looking(RecipePart):
    """Real pictures that the trained detector is shown, to be judged by eye and counted."""

    without_prints: tuple[str, ...] = ()
    """Folders of pictures without prints, relative to the folder of data sets; left out where they are missing."""
    pictures: Count = 200
    """Of them at most, drawn by the seed."""


class DetectorExport(OnnxExport):
    """Which forms of the weights a bundle holds."""

    calibration_samples: Count = 64
    """Real training pictures that set the ranges of the int8 variant."""


class DetectorRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`. `epochs`, `batch_size`, `optimiser`: given to ultralytics."""

    unheeded: ClassVar[Mapping[str, str]] = {
        "class_weights": "there is one class; leave it out",
        "thresholds": "a print counts from the score at which F1 is highest; leave it out",
    }

    network: Literal["yolov8n"]
    data: Annotated[tuple[BoxSource, ...], Field(min_length=1, max_length=1)]
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
    looking: Looking = Looking()
    export: DetectorExport = DetectorExport()

    @model_validator(mode="after")
    def _frozen_layers_are_trained_ones(self) -> DetectorRecipe:
        if self.frozen_layers and not self.start:
            raise ValueError("frozen_layers keeps weights that `start` gives; name a file, or leave it at 0")
        return self

    @model_validator(mode="after")
    def _photographs_are_there_for_what_needs_them(self) -> DetectorRecipe:
        if self.data[0].kind == "photographs":
            return self
        plain = {"split": PictureSplit(rule="group"), "scenes": Scenes(), "looking": Looking()}
        changed = [name for name, value in plain.items() if getattr(self, name) != value]
        if changed:
            raise ValueError(
                f"{', '.join(changed)}: for photographs; data of the kind yolo has its pictures and its sides already, "
                "so leave it as it is"
            )
        return self
