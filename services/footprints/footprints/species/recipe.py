"""A recipe of species: what `pipit.training.recipe` has, and what only pictures of prints need."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.recipe import Count, DataSource, Optimiser, Recipe, RecipePart
from pydantic import Field, model_validator

from footprints.species.settings import MARGIN, SHORTER_SIDE

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class PrintSource(DataSource):
    """One data set of prints. `kind` is always `folders`; see `footprints.species.dataset`."""

    kind: Literal["folders"] = "folders"
    rename: dict[str, str] = Field(default_factory=dict)
    """Classes of this data set by the name that they bear there, so that two data sets can share them."""


class Crops(RecipePart):
    """What the classifier is shown."""

    detector: str | None = None
    """Folder of a bundle of `footprints.detector`, which then crops, and comes along. None: the centre crop alone."""
    margin: Annotated[float, Field(ge=0.0, le=2.0)] = MARGIN
    """Around a print that was found, in its longer sides."""
    shorter_side: Count = SHORTER_SIDE
    """Pixels of a picture that prints are looked for in."""
    smallest: Count = 32
    """Shorter side below which a picture is refused, pixels."""


class Augmentation(RecipePart):
    """How training crops are varied, by Keras' own layers; each number is the layer's factor."""

    copies: Annotated[int, Field(ge=0)] = 4
    """Varied copies of each crop beside the crop itself. 0: no augmentation."""
    flip: Literal["horizontal", "horizontal_and_vertical"] = "horizontal"
    rotation: Fraction = 0.1
    """Of a full turn, either way."""
    zoom: Fraction = 0.1
    shift: Fraction = 0.0
    contrast: Fraction = 0.1
    brightness: Fraction = 0.0


class Stage(RecipePart):
    """One training of the network, which begins with the weights that the stage before left."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    data: tuple[str, ...] = ()
    """Paths of the recipe's data sets that it trains on; none, or none that is there: all."""
    last_layers: Annotated[int, Field(ge=0)] = 0
    """Layers of the backbone that are trained, counted from its end; the head always is."""
    optimiser: Optimiser = Optimiser()
    epochs: Count = 50
    batch_size: Count = 32
    early_stopping_patience: Count = 5


class Head(RecipePart):
    """What comes after the backbone's mean features."""

    units: Count = 512
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class SpeciesRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`. Its epochs, batch size, patience and optimiser are each stage's own here."""

    network: Literal["mobilenet_v3_small"]
    data: Annotated[tuple[PrintSource, ...], Field(min_length=1)]
    weights: Literal["imagenet", "none"] = "imagenet"
    """Of the backbone, to begin with."""
    start_from: str | None = None
    """A checkpoint, `fit/<number>_<stage>.keras` of another run, whose weights are taken before the first stage."""
    crops: Crops = Crops()
    augmentation: Augmentation = Augmentation()
    head: Head = Head()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    without_print: tuple[str, ...] = ()
    """Folders below PIPIT_DATA with pictures that hold no print: how many are called unknown is measured on them."""
    without_print_samples: Count = 200
    """Of each of those folders, drawn with the seed."""

    @model_validator(mode="after")
    def _stages_fit(self) -> SpeciesRecipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages bear one name")
        known = {source.path for source in self.data}
        unknown = sorted({path for stage in self.stages for path in stage.data} - known)
        if unknown:
            raise ValueError(f"stages name data that the recipe has not: {', '.join(unknown)}")
        return self

    def for_stage(self, stage: Stage) -> SpeciesRecipe:
        """As `pipit.training.keras_fit` reads it."""
        changes = {name: getattr(stage, name) for name in ("optimiser", "epochs", "batch_size")}
        return self.model_copy(update={**changes, "early_stopping_patience": stage.early_stopping_patience})
