"""A recipe of species: what `pipit.training.by_input.pictures` has, and what only pictures of prints need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pipit.training.by_input.pictures.settings import PictureRecipe
from pipit.training.recipe import Count, LiteRtExport, Optimiser, RecipePart
from pydantic import Field, model_validator

from footprints.species.pipeline import MARGIN, SHORTER_SIDE

BACKBONE_LAYERS = {"mobilenet_v3_small": 156, "efficientnet_lite0": 141}
"""Of each network as Keras has it, its input left out."""
OF_STAGES = "each of `stages` has its own; set it there"


NetworkName = Literal["mobilenet_v3_small", "efficientnet_lite0"]


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

    @model_validator(mode="after")
    def _a_margin_is_around_what_was_found(self) -> Crops:
        if self.detector is None and self.margin != MARGIN:
            raise ValueError("margin is around a print that the detector found; name a detector, or leave it out")
        return self


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

    units: Annotated[int, Field(ge=0)] = 512
    """Of a layer between them and the species; 0: none."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class Beside(RecipePart):
    """A second network, trained on the same copies by its own stages; both answer, by the mean of their shares."""

    network: NetworkName
    head: Head = Head()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]


class SpeciesRecipe(PictureRecipe):
    """See `pipit.training.recipe.Recipe`."""

    unheeded: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("optimiser", "epochs", "batch_size", "early_stopping_patience"), OF_STAGES
    )

    network: NetworkName
    weights: Literal["imagenet", "none"] = "imagenet"
    """Of the backbone, to begin with."""
    start_from: str | None = None
    """A checkpoint, `fit/<number>_<stage>.keras` of another run, whose weights are taken before the first stage."""
    crops: Crops = Crops()
    head: Head = Head()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    beside: Beside | None = None
    """None: one network."""
    without_print: tuple[str, ...] = ()
    """Folders below PIPIT_DATA with pictures that hold no print: how many are called unknown is measured on them."""
    without_print_samples: Count = 200
    """Of each of those folders, drawn with the seed."""
    export: LiteRtExport = LiteRtExport()

    @model_validator(mode="after")
    def _stages_fit(self) -> SpeciesRecipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages bear one name")
        known = {source.path for source in self.data}
        unknown = sorted({path for stage in self.stages for path in stage.data} - known)
        if unknown:
            raise ValueError(f"stages name data that the recipe has not: {', '.join(unknown)}")
        for one in self.networks():
            most = BACKBONE_LAYERS[one.network]
            if any(stage.last_layers > most for stage in one.stages):
                raise ValueError(f"last_layers is over {most}: {one.network} has no more")
        if self.beside is not None and (self.beside.network == self.network or self.start_from is not None):
            raise ValueError("beside names another network than `network`, and neither goes on from a checkpoint")
        return self

    def for_stage(self, stage: Stage) -> SpeciesRecipe:
        """As `pipit.training.keras_fit` reads it."""
        return self.model_copy(update={name: getattr(stage, name) for name in self.unheeded})

    def networks(self) -> tuple[SpeciesRecipe, ...]:
        """A recipe for each network."""
        if self.beside is None:
            return (self,)
        own = {name: getattr(self.beside, name) for name in type(self.beside).model_fields}
        return self.model_copy(update={"beside": None}), self.model_copy(update={**own, "beside": None})
