"""The parts of a recipe that every task of sounds has."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pipit.training.recipe import Count, DataSource, Recipe, RecipePart

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class SoundSource(DataSource):
    """One data set of sounds; see `pipit.training.by_input.audio.clips`."""

    kind: Literal["esc50", "folders", "table", "background"]
    rename: dict[str, str] = Field(default_factory=dict)
    """Classes of this data set by the name that they bear there; background: of files, by their name without ending."""
    recording: str = ""
    """folders: a regular expression whose groups, looked for in a file's name, tell its recording."""
    piece_seconds: Annotated[float, Field(ge=1.0)] = 5.0
    """background: of the pieces that long recordings are cut into."""
    train_only: bool = False
    """Its clips neither validate nor test: for labels that are not to be trusted."""

    @field_validator("recording")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        if value and not groups:
            raise ValueError("has no group; put what tells the recording in parentheses")
        return value


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
    shift_seconds: NotNegative = 1.0
    """Largest change of the window's place; what is missing is silence."""
    shorten_seconds: tuple[float, float] = (0.3, 3.0)
    """How much is kept of a clip, its loudest part, to be put anywhere in the window: an event is short."""
    background_db: tuple[float, float] = (0.0, 30.0)
    """By how much the clip's loudest second stands over a background recording of its own side, where there are any."""
    hiss_db: tuple[float, float] = (5.0, 40.0)
    """By how much it stands over hiss, as of a microphone that hears it from far away."""
    noise: NotNegative = 0.005
    """Standard deviation of white noise; full scale is 1."""
    gain_db: tuple[float, float] = (-40.0, 6.0)
    """Range of the change of level."""
    probability: Fraction = 0.5
    """Of each of the eight for itself."""
    quiet: Annotated[int, Field(ge=0)] = 0
    """Sounds that hold no event and that a program makes (see `quiet`), to train on as background; half as many more
    validate. For tasks that have a background."""
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
