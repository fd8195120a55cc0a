"""The parts of a recipe that every task of faces has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipit.training.recipe import Count, Recipe, RecipePart

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class FaceFeatures(RecipePart):
    """What the network sees."""

    body: bool = False
    """Look for a body too: 132 of the raw features, 0 without. Costs several times what a face costs."""
    frames: Count = 1
    """Pictures that one answer looks back on; 1: one by one."""


class FaceRecipe(Recipe):
    """The part of a recipe that all tasks of faces share."""

    features: FaceFeatures
