"""A recipe of `ad_detection.temporal`."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.by_input.pictures.settings import PictureSource, PictureSplit
from pipit.training.recipe import Count, LiteRtExport, Recipe, RecipePart, Split
from pydantic import Field, model_validator

from ad_detection.frames.recipe import FramesRecipe
from ad_detection.frames.recipe import Head as FramesHead
from ad_detection.labelled_frames import split_rule
from ad_detection.temporal.window import Steps


class Cnn(RecipePart):
    """What looks at single frames. It stays as it is while the LSTM is trained."""

    network: str = "efficientnet_lite0"
    """By a name that `ad_detection.frames` knows."""
    weights: Literal["imagenet", "none"] = "imagenet"
    """To begin with. `none`: it is first trained on the single frames that train, which only `small` is quick for."""
    crop: Count = 224
    """Pixels a side of what it sees: the whole picture, squeezed."""
    units: Annotated[int, Field(ge=0)] = 256
    """Of the layer behind the mean of its features. In a CNN that has learnt frames it belongs to the CNN, so that the
    units are what is kept of each step; else to the network that is trained here. 0: none."""
    start_from: str | None = None
    """Folder of a run or bundle of `ad_detection.frames` whose network it is."""
    epochs: Count = 10
    """Of `none`, at most."""
    variant: Literal["float32", "int8"] = "int8"
    """The one form that it is served in."""


class Head(RecipePart):
    """What looks at the sequence."""

    lstm: Count = 128
    units: Annotated[int, Field(ge=0)] = 64
    """Of a layer between the LSTM and the labels; 0: none."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3


class TemporalRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["lstm"] = "lstm"
    data: Annotated[tuple[PictureSource, ...], Field(min_length=1)]
    """What `pipit data frames` leaves, a frame a step: without times there are no sequences."""
    split: PictureSplit
    test_channels: tuple[str, ...] = ()
    """Channels that test, and are seen by no other side. None: programmes."""
    validation_channels: tuple[str, ...] = ()
    """The same of those that validate, where channels test: thresholds are then a new channel's. None: programmes."""
    frames: Count = 5
    """Of a sequence."""
    step_seconds: Annotated[float, Field(gt=0.0)] = 1.0
    cnn: Cnn = Cnn()
    head: Head = Head()
    export: LiteRtExport = LiteRtExport()

    @property
    def sides(self) -> Split:
        """Channels, where they are named, else programmes."""
        return split_rule(self.split, self.test_channels, self.validation_channels)

    @property
    def steps(self) -> Steps:
        """How frames become sequences."""
        return Steps(self.frames, self.step_seconds)

    @property
    def of_frames(self) -> FramesRecipe:
        """The CNN's part, as a recipe of single frames."""
        return FramesRecipe.model_validate(
            {
                "task": "ad_detection.frames",
                "name": self.name,
                "network": self.cnn.network,
                "weights": self.cnn.weights,
                "crop": self.cnn.crop,
                "head": FramesHead(units=self.cnn.units).model_dump(),
                "start_from": self.cnn.start_from,
                "freeze_layers": 0 if self.first_learns_frames else "all",
                "data": [source.model_dump() for source in self.data],
                "split": self.split.model_dump(),
                "optimiser": self.optimiser.model_dump(),
                "epochs": self.cnn.epochs,
                "batch_size": self.batch_size,
                "early_stopping_patience": self.early_stopping_patience,
                "class_weights": self.class_weights,
                "seed": self.seed,
            }
        )

    @property
    def first_learns_frames(self) -> bool:
        """Whether the CNN knows nothing yet."""
        return self.cnn.weights == "none" and self.cnn.start_from is None

    @model_validator(mode="after")
    def _it_can_be_trained(self) -> TemporalRecipe:
        if self.validation_channels and not self.test_channels:
            raise ValueError("channels validate only where channels test; name test_channels too")
        if self.first_learns_frames and self.cnn.network != "small":
            raise ValueError(
                f"random weights of {self.cnn.network} would have to learn frames first, all of them in memory; train "
                "ad_detection.frames, and name its run in cnn.start_from"
            )
        _ = self.of_frames
        return self
