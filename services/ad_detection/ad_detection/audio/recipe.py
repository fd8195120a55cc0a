"""A recipe of `ad_detection.audio`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pipit.training.recipe import Count, DataSource, LiteRtExport, Recipe, RecipePart
from pydantic import Field, model_validator


class SoundSource(DataSource):
    """One data set; see `ad_detection.audio.data`."""

    kind: Literal["clips", "recordings"] = "recordings"
    rename: dict[str, str] = Field(default_factory=dict)
    """Labels by the name that they bear there."""


class Features(RecipePart):
    """What the network hears."""

    window: Annotated[int, Field(ge=1, le=300)] = 30
    """Seconds before the moment that is judged; shorter where less is there."""
    hop: Count = 1
    """Seconds from one answer to the next, on the device."""
    step: Annotated[float, Field(gt=0.0)] = 5.0
    """Seconds between the moments of a recording that are learnt."""

    @model_validator(mode="after")
    def _answers_leave_no_gap(self) -> Features:
        if self.hop > self.window:
            raise ValueError("hop is over window: some sound would have no part in any answer")
        return self


class AudioRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`."""

    unheeded: ClassVar[Mapping[str, str]] = {
        "optimiser": "a logistic regression has one best solution, which is computed",
        "epochs": "see strengths",
        "batch_size": "a logistic regression has one best solution, which is computed",
        "early_stopping_patience": "see strengths",
    }
    network: Literal["moves", "yamnet"]
    """What a row holds: how the level moves, or that and YAMNet's embedding. One linear layer decides."""
    data: Annotated[tuple[SoundSource, ...], Field(min_length=1)]
    features: Features = Features()
    strengths: Annotated[tuple[Annotated[float, Field(gt=0.0)], ...], Field(min_length=1)] = (
        *(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    )
    """Of logistic regression (C), of which the log loss of the validation side chooses."""
    test_channels: tuple[str, ...] = ()
    """Channels that test, and are heard by no other side; of recordings alone. None: recordings are drawn."""
    export: LiteRtExport = LiteRtExport()
