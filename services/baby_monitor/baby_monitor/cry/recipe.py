"""A recipe of `baby_monitor.cry`: what every task of sounds has, and what only this one needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pipit.training.by_input.audio.settings import Features, Fraction, NotNegative, SoundRecipe, SoundSource
from pipit.training.recipe import Count, OnnxExport, RecipePart, Share
from pydantic import Field, model_validator

from baby_monitor.cry.labels import REASONS


class CrySource(SoundSource):
    """One data set; see `baby_monitor.cry.reading`."""

    kind: Literal["cries", "unlabelled", "esc50", "background"]  # type: ignore[assignment]


class CryFeatures(Features):
    """What is heard: windows as long as the recordings of Donate-a-Cry, so that one holds a whole recording."""

    front_end: Literal["yamnet"] = "yamnet"
    window_seconds: Annotated[float, Field(ge=1.0, le=30.0)] = 7.0
    hop_seconds: Annotated[float, Field(gt=0.0)] = 3.5


class EpisodeSettings(RecipePart):
    """When there is a cry; see `baby_monitor.cry.episodes`."""

    enter: Fraction = 0.3
    exit: Fraction = 0.1
    hits: Count = 2
    answer_after: Count = 4

    @model_validator(mode="after")
    def _fits(self) -> EpisodeSettings:
        if self.exit > self.enter or self.hits > self.answer_after:
            raise ValueError("exit must not exceed enter, and hits must not exceed answer_after")
        return self


class Critical(RecipePart):
    """Labels that frighten a parent, and whose thresholds are chosen for few false alarms."""

    labels: tuple[str, ...] = ("pain",)
    false_positive_rate: Share = 0.01


class Network(RecipePart):
    """Sizes that a network leaves open."""

    dropout: Fraction = 0.2
    prior: NotNegative = 1.0
    """By how much the loss makes up for rare labels: 0 not at all, 1 wholly (https://arxiv.org/abs/2007.07314)."""


class Tuning(RecipePart):
    """The second part of a training on HuBERT; see `baby_monitor.cry.tuning`."""

    layers: Annotated[int, Field(ge=0)] = 4
    """How many of the last ones learn; 0: the head alone."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-5
    """Of the head and of the last layer."""
    decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    """What is left of it in each layer below."""
    epochs: Count = 10
    batch_size: Count = 4
    accumulate: Count = 8
    """Batches to each step: as if the batch were so much larger, in the memory of one."""


class Distillation(RecipePart):
    """What a student learns from its teacher; see `baby_monitor.cry.distillation`."""

    weight: Fraction = 0.5
    """Share of the teacher's answers in the loss, beside the labels; 0: it learns without a teacher."""
    temperature: Annotated[float, Field(gt=0.0)] = 2.0
    """What logits are divided by, so that what the teacher finds unlikely counts too."""


class CryRecipe(SoundRecipe):
    """See `pipit.training.recipe.Recipe`."""

    network: Literal["yamnet", "small", "student", "whisper", "hubert", "distilhubert"]
    gate: Literal["yamnet", "none"] = "yamnet"
    """What tells that nobody cries; `none`: every sound is taken for a cry."""
    data: Annotated[tuple[CrySource, ...], Field(min_length=1)]
    reasons: dict[str, str] = Field(default_factory=dict)
    """From the data's labels to the guide's; to nothing: recordings that are left out. The guide's own stay."""
    features: CryFeatures = CryFeatures()
    episodes: EpisodeSettings = EpisodeSettings()
    critical: Critical = Critical()
    network_options: Network = Network()
    encoder_folder: str = ""
    """hubert, distilhubert: where the encoder lies as transformers keeps it, below the data folder or anywhere; where
    not given, in `backbones` below the data folder."""
    tuning: Tuning = Tuning()
    teacher: str = "yamnet"
    """student: whose answers it learns from: a recipe, which is trained first if it is not yet, on the same recordings
    as the student; or the folder of a run."""
    distillation: Distillation = Distillation()
    fewest_babies: Annotated[int, Field(ge=0)] = 10
    """Of a label in the test; one with fewer is experimental: it is shown, never said, and raises no alarm."""
    export: OnnxExport = OnnxExport()

    @model_validator(mode="after")
    def _yamnet_is_there(self) -> CryRecipe:
        if self.network == "yamnet" and self.gate != "yamnet":
            raise ValueError("the network yamnet is a head on YAMNet's embedding; set gate to yamnet")
        return self

    @property
    def has_teacher(self) -> bool:
        """Whether it learns from another network's answers."""
        return self.network == "student" and self.distillation.weight > 0.0

    def label_of(self, category: str) -> str | None:
        """The guide's label for a label of the data; "" for one that is left out, None for one that nobody knows."""
        return self.reasons.get(category, category if category in REASONS else None)
