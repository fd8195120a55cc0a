"""A recipe of sounds: what `pipit.training.by_input.audio` has, and what only this task needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.by_input.audio.settings import Fraction, NotNegative, SoundRecipe
from pipit.training.recipe import LiteRtExport, RecipePart
from pydantic import Field

from home_security.sounds.classes import LabelSet


class Network(RecipePart):
    """Sizes that a network leaves open."""

    dropout: Fraction = 0.5
    hidden: Annotated[int, Field(ge=0)] = 0
    """yamnet: width of a dense layer before the last; 0: none."""
    label_smoothing: Fraction = 0.0
    weight_decay: NotNegative = 0.0
    """L2 on the kernels of the head (yamnet)."""


class SoundsRecipe(SoundRecipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["guide", "small", "yamnet"]
    labels: LabelSet = "security"
    """`security`: the security classes and the background. `all`: every class of the data by itself."""
    network_options: Network = Network()
    export: LiteRtExport = LiteRtExport()
