"""A recipe of `ad_detection.frames`: what every task of pictures has, and what only this one needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.by_input.pictures.settings import PictureRecipe
from pipit.training.recipe import Count, LiteRtExport, RecipePart
from pydantic import Field, model_validator

BACKBONE_LAYERS = {"efficientnet_lite0": 141, "small": 10}
"""Of each network as Keras has it, its input left out."""


class Head(RecipePart):
    """What comes after the mean of the network's features."""

    units: Annotated[int, Field(ge=0)] = 256
    """Of a layer between them and the labels; 0: none."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3


class FramesRecipe(PictureRecipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["efficientnet_lite0", "small"]
    weights: Literal["imagenet", "none"] = "imagenet"
    """Of `efficientnet_lite0`, to begin with; `small` has none."""
    crop: Count = 224
    """Pixels a side of what the network sees: the whole picture, squeezed."""
    head: Head = Head()
    freeze_layers: Annotated[int, Field(ge=0)] | Literal["all"] = "all"
    """First layers of the backbone that stay as they are. `all`: what they say is computed once, which is quick."""
    start_from: str | None = None
    """Folder of another run of the same network and crop, whose weights training begins with."""
    test_channels: tuple[str, ...] = ()
    """Channels that test, and are seen by no other side; of pictures of `pipit data frames` alone. None: programmes."""
    export: LiteRtExport = LiteRtExport()

    @model_validator(mode="after")
    def _it_can_be_trained(self) -> FramesRecipe:
        if self.network == "small" and self.weights != "none":
            raise ValueError("the network small has no weights of ImageNet; set weights to none")
        if self.weights == "none" and self.freeze_layers != 0 and self.start_from is None:
            raise ValueError("random weights that stay as they are know nothing; set freeze_layers to 0")
        most = BACKBONE_LAYERS[self.network]
        if self.freeze_layers != "all" and self.freeze_layers > most:
            raise ValueError(f"freeze_layers is over {most}: {self.network} has no more; write all")
        return self
