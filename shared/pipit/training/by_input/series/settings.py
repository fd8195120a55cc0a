"""The parts of a recipe that every task of series has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipit.training.recipe import Count, DataSource, Recipe, RecipePart


class SeriesSource(DataSource):
    """One data set; see `pipit.training.by_input.series.recordings`."""

    kind: Literal["folders"] = "folders"


class Features(RecipePart):
    """What the network sees."""

    signals: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns of the tables, in the order that the network takes them."""
    window: Count
    """Steps."""
    hop: Count = 1
    """Steps from one window to the next."""
    step_seconds: Annotated[float, Field(gt=0.0)]


class SeriesRecipe(Recipe):
    """The part of a recipe that all tasks of series share."""

    data: Annotated[tuple[SeriesSource, ...], Field(min_length=1)]
    features: Features
