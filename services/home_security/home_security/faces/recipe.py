"""A recipe of faces: what `pipit.training.recipe` has, and what only naming people needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pipit.errors import InvalidInput
from pipit.faces.likeness import ALIKE, DUPLICATE, KNOWN, Likeness
from pipit.faces.naming import Method, NamingSettings
from pipit.faces.operating import PEOPLE, RATES, OperatingPoints
from pipit.faces.quality import QualityLimits
from pipit.faces.svm import SvmSettings
from pipit.training.recipe import Count, DataSource, Export, Recipe, RecipePart, Share, Split
from pydantic import AfterValidator, Field, model_validator

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class FaceSource(DataSource):
    """One data set, in either layout of `home_security.faces.data`."""

    kind: Literal["people"] = "people"


class CrowdSource(DataSource):
    """Pictures of many strangers, of whom nothing is known but that each shows a face: more of the cohort."""

    kind: Literal["crowd"] = "crowd"
    most: Count = 300
    """Pictures, drawn by the seed."""
    cohort_share: Share = 0.1
    limits_share: Share = 0.45
    """Where it is there, shares of the data's own strangers, in place of the split's: they are worth more elsewhere."""


class FaceSplit(Split):
    """By person, drawn by the seed; see `home_security.faces.sides`.

    With too few people nobody sets limits, and the recipe's own hold.
    """

    rule: Literal["group"] = "group"
    cohort_share: Share = 0.4
    """Of strangers: those whom the bundle brings along to compare with."""
    limits_share: Share = 0.3
    """Of strangers."""
    limits_known_share: Share = 0.25
    """Of known people."""

    @model_validator(mode="after")
    def _shares_leave_some(self) -> FaceSplit:
        if self.cohort_share + self.limits_share >= 1.0:
            raise ValueError("cohort_share and limits_share leave no strangers to validate with")
        if (self.test_share, self.validation_share) != (0.2, 0.2):
            raise ValueError("test_share and validation_share change nothing here; set the shares of cohort and limits")
        return self


class Augmentation(RecipePart):
    """How pictures of enrolment are varied, once aligned. Every copy becomes a template of its own."""

    copies: Annotated[int, Field(ge=0)] = 0
    """Beside the picture itself. 0: no augmentation."""
    flip: bool = True
    """Half of the copies are mirrored."""
    rotation: NotNegative = 15.0
    """Degrees, either way."""
    jitter: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """By which share brightness, contrast and colour change, either way."""
    smallest_crop: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    """Of the side; what is cut out is enlarged again."""


class Limits(RecipePart):
    """Operating points that were measured before; see `pipit.faces.operating.OperatingPoints`."""

    people: tuple[Count, ...]
    limits: tuple[tuple[float, ...], ...]
    """For each of `rates` of `pipit.faces.operating`, lowest first, one for each number of people."""
    spread: Positive
    source: str
    """On what they were measured."""
    cohort: Annotated[int, Field(ge=0)] = 0
    """Strangers in the cohort that they were measured with. With a much smaller one they would let in more."""

    def points(self) -> OperatingPoints:
        """As naming takes them. Raises InvalidInput."""
        return OperatingPoints(RATES, self.people, self.limits, self.spread)

    @model_validator(mode="after")
    def _make_points(self) -> Limits:
        try:
            self.points()
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return self


def _a_measured_rate(rate: float) -> float:
    if rate not in RATES:
        raise ValueError(f"limits are measured for the rates {', '.join(f'{one:g}' for one in RATES)}")
    return rate


class NamingRecipe(RecipePart):
    """See `pipit.faces.naming.NamingSettings`."""

    method: Method = "both"
    rate: Annotated[float, AfterValidator(_a_measured_rate)] = 0.01
    """Share of strangers who may be named as somebody."""
    margin: NotNegative = 0.0
    """To the second, in the scores' unit. It measured best without; 0.1 leaves undecided who looks like two."""
    nearest: Annotated[int, Field(ge=10)] = 30
    shown: Count = 5
    weight: Positive = 0.1
    cost: Positive = 1.0
    balanced: bool = True
    limits: Limits | None = None
    """That hold where the data have too few strangers to measure any."""

    def settings(self) -> NamingSettings:
        """With the recipe's limits; where it has none, with such that are to be replaced."""
        nothing = OperatingPoints(RATES, PEOPLE, tuple((0.0,) * len(PEOPLE) for _ in RATES), 1.0)
        return NamingSettings(
            method=self.method,
            rate=self.rate,
            points=nothing if self.limits is None else self.limits.points(),
            margin=self.margin,
            nearest=self.nearest,
            shown=self.shown,
            weight=self.weight,
            svm=SvmSettings(self.cost, self.balanced),
        )


class QualityRecipe(RecipePart):
    """What a face needs; see `pipit.faces.quality.QualityLimits`. The defaults are for a face that is to be named."""

    box: NotNegative = 40.0
    eyes: NotNegative = 14.0
    sharpness: NotNegative = 0.0
    yaw: NotNegative = 60.0
    dark: NotNegative = 0.05
    bright: NotNegative = 0.97

    def limits(self) -> QualityLimits:
        """As pipelines take them."""
        return QualityLimits(**self.model_dump())


class LikenessRecipe(RecipePart):
    """By which enrolment tells people apart; see `pipit.faces.likeness`. Defaults: for a network of one's own."""

    duplicate: Share = DUPLICATE
    alike: Share = ALIKE
    known: Share = KNOWN

    def limits(self) -> Likeness:
        """As enrolment takes them; strangers follow from the bundle's cohort."""
        return Likeness(**self.model_dump())


class FacesExport(Export):
    """Vectors of two forms of one embedder would not lie in one space, so there is one form."""

    variants: tuple[Literal["float32"], ...] = ("float32",)


class FacesRecipe(Recipe):
    """See `pipit.training.recipe.Recipe`. Nothing is trained but linear classifiers on an embedder's vectors."""

    unheeded: ClassVar[Mapping[str, str]] = {
        "optimiser": "no network is trained; leave it out",
        "epochs": "no network is trained; leave it out",
        "batch_size": "no network is trained; leave it out",
        "early_stopping_patience": "no network is trained; leave it out",
        "class_weights": "naming.balanced says so; leave it out",
        "thresholds": "naming.rate and the limits say from which score on a face is named; leave it out",
    }

    network: Literal["dlib", "mobilefacenet", "facenet", "arcface", "pixels"]
    """The embedder."""
    weights: str = ""
    """Of `facenet` and `arcface`: an ONNX file of one's own, relative to the folder of data sets, or absolute."""
    bgr: bool = False
    """Of one's own file: blue comes first."""
    per_picture: bool = False
    """Of one's own file: every picture is brought to mean 0 and deviation 1."""
    flipped: bool = False
    """The vector of the mirrored face is added, which doubles the time."""
    data: Annotated[tuple[FaceSource, ...], Field(min_length=1, max_length=1)]
    crowd: CrowdSource | None = None
    """Strangers beyond those of `data`; nobody of them may be in it."""
    split: FaceSplit = FaceSplit()
    augmentation: Augmentation = Augmentation()
    naming: NamingRecipe = NamingRecipe()
    enrolment: QualityRecipe = QualityRecipe(**QualityLimits().to_parameters())
    """What a picture of enrolment needs."""
    nameable: QualityRecipe = QualityRecipe()
    """What a face needs before it is named at all."""
    likeness: LikenessRecipe = LikenessRecipe()
    export: FacesExport = FacesExport(variants=("float32",))
    latency_budget_ms: Positive = 100.0

    @model_validator(mode="after")
    def _own_files_are_named(self) -> FacesRecipe:
        own = self.network in ("facenet", "arcface")
        if own and not self.weights:
            raise ValueError(f"{self.network} is an ONNX file of your own: name it by weights")
        if not own and (self.weights or self.bgr or self.per_picture):
            raise ValueError(f"weights, bgr and per_picture are for files of your own; {self.network} needs none")
        return self
