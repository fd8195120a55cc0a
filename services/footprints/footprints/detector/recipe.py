"""A recipe of detector: what `pipit.training.recipe` has, and what only boxes around prints need."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.recipe import Count, DataSource, Export, Recipe, RecipePart
from pydantic import Field, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class BoxSource(DataSource):
    """One data set.

    `photographs`: in folders by class, without boxes; scenes are composed of them. `yolo`: pictures with boxes.
    """

    kind: Literal["photographs", "yolo"]


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


class DetectorExport(Export):
    """Which forms of the weights a bundle holds."""

    variants: tuple[Literal["float32", "int8"], ...] = ("float32", "int8")
    calibration_samples: Count = 64
    """Real training pictures that set the ranges of the int8 variant."""


class DetectorRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`. `epochs`, `batch_size`, `optimiser`: given to ultralytics."""

    network: Literal["yolov8n"]
    data: Annotated[tuple[BoxSource, ...], Field(min_length=1, max_length=1)]
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
