"""A recipe of `ad_detection.frames`: what every task of pictures has, and what only this one needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.by_input.pictures.settings import Fraction, PictureRecipe, PictureSource
from pipit.training.recipe import Count, LiteRtExport, RecipePart
from pydantic import Field, model_validator

BACKBONE_LAYERS = {"efficientnet_lite0": 141, "mobilenet": 156, "resnet": 175, "small": 10}
"""Of each network as Keras has it, its input left out."""


class Head(RecipePart):
    """What comes after the mean of the network's features."""

    units: Annotated[int, Field(ge=0)] = 256
    """Of a layer between them and the labels; 0: none."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3


class FrameSource(PictureSource):
    """One data set. `others`: of channels and programmes that the base was made for, and this training is not.

    What tests there tests here too, but apart: it shows what the training has forgotten. Frames without a time, in
    folders without sides, all test.
    """

    others: bool = False
    mixed: Fraction = 0.0
    """Of `others`: share of their training frames that are trained on as well, so that less is forgotten."""
    test_channels: tuple[str, ...] = ()
    """Of this data set alone; see the recipe's."""
    together: Literal["programme", "recording"] = "programme"
    """What one side keeps; recordings, where all are of one programme."""

    @model_validator(mode="after")
    def _only_others_are_mixed_in(self) -> FrameSource:
        if self.mixed and not self.others:
            raise ValueError("mixed is a share of others; set others to true, or leave mixed out")
        return self


class FramesRecipe(PictureRecipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["efficientnet_lite0", "mobilenet", "resnet", "small"]
    data: Annotated[tuple[FrameSource, ...], Field(min_length=1)]
    weights: Literal["imagenet", "none"] = "imagenet"
    """To begin with; `small` has none."""
    crop: Count = 224
    """Pixels a side of what the network sees: the whole picture, squeezed."""
    head: Head = Head()
    freeze_layers: Annotated[int, Field(ge=0)] | Literal["all"] = "all"
    """First layers of the backbone that stay as they are. `all`: what they say is computed once, which is quick."""
    start_from: str | None = None
    """Folder of another run, or of a bundle, of the same network and crop, whose weights training begins with."""
    test_channels: tuple[str, ...] = ()
    """Channels that test, and are seen by no other side; of pictures of `pipit data frames` alone. None: programmes."""
    validation_channels: tuple[str, ...] = ()
    """The same of those that validate, where channels test: thresholds are then a new channel's. None: programmes."""
    export: LiteRtExport = LiteRtExport()

    @model_validator(mode="after")
    def _it_can_be_trained(self) -> FramesRecipe:
        if self.network == "small" and self.weights != "none":
            raise ValueError("the network small has no weights of ImageNet; set weights to none")
        if self.weights == "none" and self.freeze_layers != 0 and self.start_from is None:
            raise ValueError("random weights that stay as they are know nothing; set freeze_layers to 0")
        if self.validation_channels and not self.test_channels:
            raise ValueError("channels validate only where channels test; name test_channels too")
        if all(source.others for source in self.data):
            raise ValueError("all data are others, so there is nothing to train for; name a data set of its own")
        most = BACKBONE_LAYERS[self.network]
        if self.freeze_layers != "all" and self.freeze_layers > most:
            raise ValueError(f"freeze_layers is over {most}: {self.network} has no more; write all")
        return self

    def channels(self, source: FrameSource) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of a data set, those that test and those that validate."""
        return (source.test_channels, ()) if source.test_channels else (self.test_channels, self.validation_channels)
