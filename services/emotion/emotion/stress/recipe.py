"""A recipe of stress: what `pipit.training.recipe` has, and what only stress needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.recipe import Count, DataSource, Export, Recipe, RecipePart
from pydantic import Field, model_validator

from emotion.stress.dataset import signals_of
from emotion.stress.signals import Signals

VARIANTS = ("float32", "int8")
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class StressSource(DataSource):
    """One data set of stress."""

    kind: Literal["swell", "recordings"]
    """See `emotion.stress.dataset`."""
    scale: tuple[float, float] = (0.0, 1.0)
    """Self-reported scores that mean calm and stressed."""

    @model_validator(mode="after")
    def _scale_has_two_ends(self) -> StressSource:
        if self.scale[0] == self.scale[1]:
            raise ValueError("both ends of the scale are the same")
        return self


class Features(RecipePart):
    """What the network sees."""

    window: Count
    """Steps."""
    hop: Count = 1
    """Steps from one window of a recording to the next."""
    step_seconds: Annotated[float, Field(gt=0.0)]
    prior_steps: Annotated[float, Field(gt=0.0)] = 10.0
    """How many steps of a person outweigh what is known of others; see `emotion.stress.past`."""
    past: Literal["recording", "participant"] = "recording"
    """Where what is known of a person begins anew. `participant`: never; then a network may learn how long somebody
    has been there, which tells the condition where all go through them in one order."""
    stressed_from: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Scores from here on count as stressed where only calm or stressed is asked."""


class NetworkOptions(RecipePart):
    """Sizes that a network leaves open."""

    hidden: Count = 16
    """Width of every layer."""
    layers: Count = 1
    """Of an LSTM; blocks of a temporal convolution, each of which sees twice as far."""
    dropout: Fraction = 0.3


class StressExport(Export):
    """Which forms of the weights a bundle holds."""

    variants: tuple[str, ...] = ("float32", "int8")

    @model_validator(mode="after")
    def _variants_are_known(self) -> StressExport:
        unknown = sorted(set(self.variants) - set(VARIANTS))
        if unknown:
            raise ValueError(f"there is no variant {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
        return self


class StressRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["lstm", "tcn", "small"]
    data: Annotated[tuple[StressSource, ...], Field(min_length=1)]
    features: Features
    network_options: NetworkOptions = NetworkOptions()
    export: StressExport = StressExport()

    @model_validator(mode="after")
    def _sources_hold_the_same_signals(self) -> StressRecipe:
        if len({signals_of(source.kind).name for source in self.data}) > 1:
            raise ValueError("a network takes physiology or landmarks; the data sets hold both")
        return self

    @property
    def signals(self) -> Signals:
        """What the data sets hold."""
        return signals_of(self.data[0].kind)
