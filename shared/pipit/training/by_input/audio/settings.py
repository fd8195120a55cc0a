"""The parts of a recipe that every task of sounds has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipit.training.recipe import Count, DataSource, Recipe, RecipePart

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class SoundSource(DataSource):
    """One data set of sounds; see `pipit.training.by_input.audio.clips`."""

    kind: Literal["esc50", "folders", "table"]
    rename: dict[str, str] = Field(default_factory=dict)
    """Classes of this data set by the name that they bear there."""
    train_only: bool = False
    """Its clips neither validate nor test: for labels that are not to be trusted."""


class Features(RecipePart):
    """What the network hears."""

    front_end: Literal["librosa_22k", "yamnet"]
    window_seconds: Annotated[float, Field(ge=1.0, le=30.0)] = 5.0
    hop_seconds: Annotated[float, Field(gt=0.0)] = 2.5
    """From one window of a longer clip to the next, on the device."""


class Augmentation(RecipePart):
    """How training clips are varied. The first part happens to sound, once for each copy; the second to each batch."""

    copies: Annotated[int, Field(ge=0)] = 4
    """Varied copies of each training clip beside the clip itself."""
    time_stretch: tuple[float, float] = (0.9, 1.1)
    """Range of the rate."""
    pitch_shift: tuple[float, float] = (-2.0, 2.0)
    """Range in semitones."""
    noise: NotNegative = 0.005
    """Standard deviation of white noise; full scale is 1."""
    gain_db: NotNegative = 6.0
    """Largest change of level, up or down."""
    shift_seconds: NotNegative = 1.0
    """Largest change of the window's place; what is missing is silence."""
    probability: Fraction = 0.5
    """Of each of the five for itself."""
    frequency_mask: Fraction = 0.12
    """SpecAugment: widest masked share of the bands (https://arxiv.org/abs/1904.08779)."""
    time_mask: Fraction = 0.12
    """SpecAugment: longest masked share of the frames."""
    masks: Annotated[int, Field(ge=0)] = 2
    """SpecAugment: of each kind."""
    mixup: NotNegative = 0.2
    """Alpha of mixup's Beta distribution (https://arxiv.org/abs/1710.09412); 0: none."""


class SoundRecipe(Recipe):
    """The part of a recipe that all tasks of sounds share."""

    data: Annotated[tuple[SoundSource, ...], Field(min_length=1)]
    features: Features
    augmentation: Augmentation = Augmentation()
    workers: Count = 2
    """Threads that compute features."""
