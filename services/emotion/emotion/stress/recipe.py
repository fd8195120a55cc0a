"""A recipe of stress: what `pipit.training.recipe` has, and what only stress needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pipit.training.recipe import Count, DataSource, OnnxExport, Recipe, RecipePart
from pydantic import Field, model_validator

from emotion.stress.signals import LANDMARKS, PHYSIOLOGY, Signals

SWELL, RECORDINGS = "swell", "recordings"
SIGNALS_OF: Mapping[str, Signals] = {SWELL: PHYSIOLOGY, RECORDINGS: LANDMARKS}
"""What a data set of each kind holds."""
NO_SCALE = (0.0, 1.0)


class StressSource(DataSource):
    """One data set of stress."""

    kind: Literal["swell", "recordings"]
    """See `emotion.stress.data`."""
    scale: tuple[float, float] = NO_SCALE
    """Self-reported scores that mean calm and stressed; for `recordings`."""

    @model_validator(mode="after")
    def _scale_has_two_ends(self) -> StressSource:
        if self.scale[0] == self.scale[1]:
            raise ValueError("both ends of the scale are the same")
        if self.kind == SWELL and self.scale != NO_SCALE:
            raise ValueError("swell tells conditions, not scores; a scale is for recordings")
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
    """Of an LSTM; blocks of a temporal convolution, each of which sees twice as far. `small` has one."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3


class StressRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["lstm", "tcn", "small"]
    data: Annotated[tuple[StressSource, ...], Field(min_length=1)]
    features: Features
    network_options: NetworkOptions = NetworkOptions()
    crossvalidation_rounds: Annotated[int, Field(ge=2)] = 5
    """In which every participant is tested once; they decide whether the labels are experimental."""
    export: OnnxExport = OnnxExport()

    @model_validator(mode="after")
    def _sources_hold_the_same_signals(self) -> StressRecipe:
        if len({source.kind for source in self.data}) > 1:
            raise ValueError("a network takes physiology or landmarks; the data sets hold both")
        return self

    @model_validator(mode="after")
    def _layers_are_built(self) -> StressRecipe:
        if self.network == "small" and self.network_options.layers > 1:
            raise ValueError("network small has one layer; network_options.layers is for lstm and tcn")
        return self

    @property
    def signals(self) -> Signals:
        """What the data sets hold."""
        return SIGNALS_OF[self.data[0].kind]
