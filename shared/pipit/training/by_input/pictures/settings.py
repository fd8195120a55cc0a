"""The parts of a recipe that every task of pictures has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipit.training.recipe import DataSource, Recipe, RecipePart, Split

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class PictureSource(DataSource):
    """One data set. `kind` is always `folders`; see `pipit.training.by_input.pictures.listing`."""

    kind: Literal["folders"] = "folders"
    rename: dict[str, str] = Field(default_factory=dict)
    """Classes of this data set by the name that they bear there, so that two data sets can share them."""


class PictureSplit(Split):
    """Folders that are split keep their sides, others are drawn; see `pipit.training.by_input.pictures.sides`."""

    rule: Literal["group"]
    """Groups: pictures that are nearly the same."""


class Augmentation(RecipePart):
    """How training crops are varied, by Keras' own layers; each number is the layer's factor."""

    copies: Annotated[int, Field(ge=0)] = 4
    """Varied copies of each crop beside the crop itself. 0: no augmentation."""
    flip: Literal["none", "horizontal", "horizontal_and_vertical"] = "horizontal"
    """`none`: of pictures with letters in them."""
    rotation: Fraction = 0.1
    """Of a full turn, either way."""
    zoom: Fraction = 0.1
    shift: Fraction = 0.0
    contrast: Fraction = 0.1
    brightness: Fraction = 0.0


class PictureRecipe(Recipe):
    """The part of a recipe that all tasks of pictures share."""

    data: Annotated[tuple[PictureSource, ...], Field(min_length=1)]
    split: PictureSplit
    augmentation: Augmentation = Augmentation()
