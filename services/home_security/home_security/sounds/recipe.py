"""A recipe of sounds: what `pipit.training.recipe` has, and what only sounds need."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.recipe import Count, DataSource, Recipe, RecipePart
from pydantic import Field

from home_security.sounds.classes import LabelSet

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class SoundSource(DataSource):
    """One data set of sounds. `kind`: see `home_security.sounds.dataset`."""

    rename: dict[str, str] = Field(default_factory=dict)
    """Classes of this data set by the name that they bear there."""
    train_only: bool = False
    """Its clips neither validate nor test: for labels that are not to be trusted."""
    optional: bool = False
    """Left out, and said so, where it is missing."""


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


class Network(RecipePart):
    """Sizes that a network leaves open."""

    dropout: Fraction = 0.5
    hidden: Annotated[int, Field(ge=0)] = 0
    """yamnet: width of a dense layer before the last; 0: none."""
    label_smoothing: Fraction = 0.0
    weight_decay: NotNegative = 0.0
    """L2 on the kernels of the head (yamnet)."""


class SoundsRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["guide", "small", "yamnet"]
    data: Annotated[tuple[SoundSource, ...], Field(min_length=1)]
    labels: LabelSet = "security"
    """`security`: the security classes and the background. `all`: every class of the data by itself."""
    features: Features
    augmentation: Augmentation = Augmentation()
    network_options: Network = Network()
    skip_bad_files: bool = False
    """Train without the files that can't be used, instead of stopping. They are named either way."""
    workers: Count = 2
    """Threads that compute features."""
