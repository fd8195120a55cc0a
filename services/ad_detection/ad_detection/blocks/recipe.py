"""A recipe of `ad_detection.blocks`: which members, how they vote, and how breaks lie on the channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pipit.errors import InvalidInput
from pipit.training.recipe import DataSource, Export, Recipe, RecipePart
from pydantic import Field, model_validator

from ad_detection.blocks.ensemble import check_weights
from ad_detection.blocks.profiles import PROFILES


class ScoresSource(DataSource):
    """One data set; see `ad_detection.blocks.recordings`."""

    kind: Literal["scores"] = "scores"


class EnsembleSettings(RecipePart):
    """Whose scores are put together, and how; see `ad_detection.blocks.network`."""

    models: tuple[str, ...] = ()
    """Folders of bundles or runs, or task@version of the registry, in the order of weights. None: those of the data."""
    voting: Literal["weighted", "majority"] = "weighted"
    weights: tuple[float, ...] | Literal["fitted"] = "fitted"
    """One a member. `fitted`: on the training side's recordings, which must have trained no member."""

    @model_validator(mode="after")
    def _weights_fit(self) -> EnsembleSettings:
        if self.voting == "majority" and self.weights != "fitted":
            raise ValueError("in a majority every member weighs the same; leave weights out, or vote weighted")
        if self.weights != "fitted":
            try:
                check_weights(self.weights, len(self.models) or len(self.weights))
            except InvalidInput as error:
                raise ValueError(str(error)) from error
        return self


class PolicySettings(RecipePart):
    """What becomes of scores over time; all else is chosen on the training side."""

    profile: Literal["broadcast", "short_breaks", "any"] = "broadcast"
    """How long breaks last; see `ad_detection.blocks.profiles`."""
    lost_weighs: Annotated[float, Field(gt=0.0)] = 3.0
    """A second of the programme that is lost costs as much as so many of advertisements that are shown."""
    switch_seconds: Annotated[float, Field(ge=0.0)] = 10.0
    """A change too many costs as much as so many seconds of advertisements that are shown."""

    @model_validator(mode="after")
    def _profile_is_known(self) -> PolicySettings:
        if self.profile not in PROFILES:
            raise ValueError(f"there is no profile {self.profile!r}; there are {', '.join(PROFILES)}")
        return self


class VoteExport(Export):
    """A vote has a dozen numbers: there is nothing to quantise."""

    variants: tuple[Literal["float32"], ...] = ("float32",)


class BlocksRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`."""

    unheeded: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("optimiser", "epochs", "batch_size", "early_stopping_patience", "class_weights"),
        "a vote is fitted in one go; set ensemble.weights",
    )

    network: Literal["ensemble"] = "ensemble"
    data: Annotated[tuple[ScoresSource, ...], Field(min_length=1)]
    ensemble: EnsembleSettings = EnsembleSettings()
    policy: PolicySettings = PolicySettings()
    export: VoteExport = VoteExport()
