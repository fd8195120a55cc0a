"""A recipe of expressions: what `pipit.training.by_input.faces` has, and what only this task needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.by_input.faces.settings import FaceFeatures, FaceRecipe, Fraction, NotNegative
from pipit.training.recipe import DataSource, OnnxExport, RecipePart
from pydantic import Field, model_validator

from emotion.expression.classes import Contempt
from emotion.expression.features import Kind

Layout = Literal["folders", "fer2013", "fer2013_csv", "raf_db", "affectnet", "dfew", "landmarks"]


class ExpressionSource(DataSource):
    """One data set of faces. `kind`: see `emotion.expression.data`."""

    kind: Layout
    contempt: Contempt = "leave_out"
    """What AffectNet's eighth class counts as."""


class Features(FaceFeatures):
    """What the network sees."""

    kind: Kind
    """See `emotion.expression.features`."""
    frame_seconds: Annotated[float, Field(gt=0.0)] = 0.1
    """From one picture of a stream to the next."""
    smoothing_seconds: NotNegative = 1.0
    """Time constant of the smoothed emotion."""


class Augmentation(RecipePart):
    """How training samples are varied, each time anew."""

    mirror: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """How often left and right are exchanged, points with their indices."""
    noise: NotNegative = 0.01
    """Standard deviation of what is added to standardised features."""
    crop_warp: NotNegative = 0.0
    """How far the crop is moved, turned and stretched: standard deviation, 1 is half its side."""
    crop_dropout: Fraction = 0.0
    """How often the crop is left out. A network that learnt to do without answers landmarks alone, too."""
    crop_cutout: Fraction = 0.0
    """How often a rectangle of the crop, a tenth to a third of its area, becomes its mean."""
    mixup: NotNegative = 0.0
    """Each sample is mixed with another and its label with that one's, by shares of a beta distribution of this alpha.

    0: not at all. Source: H. Zhang et al., mixup, https://arxiv.org/abs/1710.09412.
    """


class NetworkOptions(RecipePart):
    """Sizes that a network leaves open."""

    dropout: Fraction = 0.3
    label_smoothing: Fraction = 0.0


class ExpressionRecipe(FaceRecipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["guide", "temporal", "aligned", "joined", "mobilefacenet"]
    data: Annotated[tuple[ExpressionSource, ...], Field(min_length=1)]
    features: Features
    augmentation: Augmentation = Augmentation()
    network_options: NetworkOptions = NetworkOptions()
    class_balance: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Power of the weights that make classes weigh the same, where `class_weights` is true: 0.5 goes half the way."""
    weight_averaging: Fraction = 0.0
    """Share of the averaged weights that stays with each batch; 0: the weights are as the last batch left them."""
    export: OnnxExport = OnnxExport()

    @model_validator(mode="after")
    def _features_fit_the_network(self) -> ExpressionRecipe:
        allowed: tuple[str, ...] = ("raw", "aligned")
        if self.network in ("joined", "mobilefacenet"):
            allowed = ("aligned_crop",)
        elif self.network == "aligned":
            allowed = ("aligned",)
        if self.features.kind not in allowed:
            raise ValueError(f"network {self.network} takes the features {' or '.join(allowed)}")
        if (self.network == "temporal") != (self.features.frames > 1):
            raise ValueError("the network temporal looks at several frames, the others at one")
        if self.features.kind == "aligned_crop" and any(s.kind in ("landmarks", "dfew") for s in self.data):
            raise ValueError("landmark files hold no pictures to cut faces from; take other features")
        if self.features.body and self.features.kind != "raw":
            raise ValueError("features.body is for raw features alone; the others are of the face")
        augmentation = self.augmentation
        of_crops = augmentation.crop_warp or augmentation.crop_dropout or augmentation.crop_cutout
        if of_crops and self.features.kind != "aligned_crop":
            raise ValueError(
                "crop_warp, crop_dropout and crop_cutout are for the features aligned_crop; the others have no crop"
            )
        return self
