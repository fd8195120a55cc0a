"""A recipe: everything that decides how a network of one task is trained, as one YAML file.

It lies in `services/<domain>/configs/<task>-<recipe>.yaml`. The part that all tasks share is here; a task adds its own
fields (`features`, `augmentation`, …) in a subclass. A key that no field knows is refused: a typing error must not
train another network than the one that was asked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipit.bundle.manifest import Gate, TaskName
from pipit.errors import InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.plain_yaml import load_plain_yaml

R = TypeVar("R", bound="Recipe")

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1)]


class RecipePart(BaseModel):
    """Base of a recipe's parts: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataSource(RecipePart):
    """One data set that a recipe trains on."""

    kind: str
    """Its layout, by a name that the task knows."""
    path: str
    """Relative to the folder of data sets (`PIPIT_DATA`), or absolute."""
    licence: str
    """As the source states it; goes into the model card."""
    url: str = ""
    """Where it comes from."""
    optional: bool = False
    """Left out, and said so, where it is missing."""

    def folder(self, data: Path | None) -> Path:
        """Where it lies. data: the folder of data sets. Raises NotFound if it is not there."""
        path = Path(self.path).expanduser()
        if not path.is_absolute():
            if data is None:
                raise NotFound(f"data set {self.path!r} is looked for in the folder that PIPIT_DATA names; set it")
            path = data / path
        if not path.is_dir():
            raise NotFound(
                f"data set {self.path!r} is not at {path}; fetch it, name its folder in the recipe, or, for the recipe "
                "synthetic, let a program make it: pipit data synthesise TASK"
            )
        return path


class LabelData(DataSource):
    """A data set that was frozen of people's labels (`pipit label freeze`), kept by the registry."""

    kind: Literal["labels"] = "labels"
    path: Annotated[str, Field(pattern=r"^labels://[A-Za-z0-9_.-]{1,100}(@[0-9a-f]{8,64})?$")]
    """`labels://NAME@DIGEST`; without a digest the newest of that name."""
    licence: str = "of those who own what was recorded"
    train_only: bool = True
    """Hard examples are no test: they neither validate nor test, unless they are all that there is."""

    def folder(self, data: Path | None) -> Path:
        """Raises NotFound: only who asks the registry knows where its contents lie; see `pipit.training.label_data`."""
        raise NotFound(f"the contents of {self.path} were not fetched from the registry; use pipit train")


class Split(RecipePart):
    """Which samples train, validate and test. Samples of one group always stay on one side."""

    rule: Literal["fold", "group"]
    """`fold`: the data set's own folds, by name. `group`: groups drawn by the seed, stratified by label."""
    test_folds: tuple[str, ...] = ()
    validation_folds: tuple[str, ...] = ()
    """For `fold`; if there are none, groups that the seed draws from the other folds validate."""
    test_share: Share = 0.2
    """Of all samples; for `group`."""
    validation_share: Share = 0.2
    """Of all samples; for `group`, and of those that do not test for `fold` without validation_folds."""

    @model_validator(mode="after")
    def _folds_are_named(self) -> Split:
        if self.rule == "fold":
            if not self.test_folds:
                raise ValueError("a split by fold names test_folds")
            both = set(self.test_folds) & set(self.validation_folds)
            if both:
                raise ValueError(f"folds {sorted(both)} can't both test and validate")
        elif self.test_share + self.validation_share >= 1.0:
            raise ValueError("test_share and validation_share leave nothing to train on")
        return self


class Optimiser(RecipePart):
    """How weights are changed."""

    name: Literal["adam", "adamax", "adamw", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """`plateau`: halved when the validation loss stands still."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """That rise to the rate. Not for `plateau`."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """For `sgd`."""

    @model_validator(mode="after")
    def _a_plateau_has_no_warmup(self) -> Optimiser:
        if self.schedule == "plateau" and self.warmup_epochs:
            raise ValueError("the schedule plateau begins with the whole rate; set warmup_epochs to 0, or name cosine")
        return self


class Export(RecipePart):
    """Which forms of the weights a bundle holds."""

    variants: tuple[str, ...] = ("float32", "dynamic", "int8")
    default_variant: str = "float32"
    calibration_samples: Count = 200
    """Real training samples that set the ranges of the int8 variant."""

    @model_validator(mode="after")
    def _default_is_exported(self) -> Export:
        if self.default_variant not in self.variants:
            raise ValueError(f"default_variant {self.default_variant!r} is none of {list(self.variants)}")
        return self


class LiteRtExport(Export):
    """For LiteRT; see `pipit.training.quantise`."""

    variants: tuple[Literal["float32", "dynamic", "int8"], ...] = ("float32", "dynamic", "int8")


class OnnxExport(Export):
    """For ONNX Runtime; see `pipit.training.torch_onnx`."""

    variants: tuple[Literal["float32", "int8"], ...] = ("float32", "int8")


class ThresholdRule(RecipePart):
    """How thresholds are chosen on validation data."""

    false_positive_rate: Share = 0.05
    """A label's threshold keeps its false positive rate under this."""
    least_precision: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Instead of `false_positive_rate`: the best F1 with a precision over this, cross-fitted over recordings; see
    `pipit.training.least_precision`."""
    lowest: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """No threshold lies below this, however clean the validation samples are."""
    unknown_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.01
    """Share of validation samples, answered rightly, that may be called unknown."""
    right_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Instead of `unknown_share`: an answer is given from the score on from which so many are right, else unknown."""
    uncertain_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of validation samples that may be marked uncertain."""
    experimental_under: Annotated[int, Field(ge=0)] = 0
    """Labels with fewer groups (recordings, people) than these to train on are experimental: never detected."""


class Golden(RecipePart):
    """Samples that a device answers before it lets the bundle serve."""

    samples: Count = 8
    tolerance: dict[str, Annotated[float, Field(gt=0.0, le=1.0)]] = {"float32": 0.001, "dynamic": 0.05, "int8": 0.05}
    """Largest absolute difference of a score, by variant."""


class Recipe(RecipePart):
    """The part of a recipe that all tasks share."""

    unheeded: ClassVar[Mapping[str, str]] = {}
    """Fields of this class that a task's trainer does not look at, and what to do instead. Changing one is an error."""

    task: TaskName
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    description: str = ""
    network: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    """By a name that the task knows; becomes the bundle's `model_type`."""
    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    additional_data: tuple[LabelData, ...] = ()
    """Of the registry, beside `data`; as `pipit train --additional-data` adds them."""
    split: Split
    optimiser: Optimiser = Optimiser()
    epochs: Count = 50
    batch_size: Count = 32
    early_stopping_patience: Count = 10
    """Epochs without a better validation loss after which training stops."""
    class_weights: bool = True
    """Weigh rare classes up."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    skip_bad_files: bool = False
    """Train without what can't be used of the data, instead of stopping. It is named either way."""
    export: Export = Export()
    thresholds: ThresholdRule = ThresholdRule()
    golden: Golden = Golden()
    latency_budget_ms: Annotated[float, Field(gt=0.0)] = 250.0
    """Milliseconds within which 95 of 100 inputs should be answered on a device; a slower one raises an alert."""
    gates: tuple[Gate, ...] = ()
    """What the bundle must reach to be promoted."""

    @model_validator(mode="after")
    def _tolerance_of_each_variant(self) -> Recipe:
        missing = [name for name in self.export.variants if name not in self.golden.tolerance]
        if missing:
            raise ValueError(f"golden.tolerance lacks the variants {missing}; say how far a score may be off")
        return self

    @model_validator(mode="after")
    def _changes_are_heeded(self) -> Recipe:
        # By value: a run keeps its recipe with every default written out, and that is read again.
        for name, instead in self.unheeded.items():
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} changes nothing here: {instead}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of every value, defaults included, whatever the order of the keys in the file."""
        values = self.model_dump(mode="json")
        # A recipe without any is what it was before there was such a field.
        if not self.additional_data:
            del values["additional_data"]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return sha256_bytes(text.encode())


def load_recipe(path: Path, recipe_type: type[R], overrides: Mapping[str, Any] | None = None) -> R:
    """Reads a recipe. overrides: values by dotted key (`optimiser.learning_rate`, `data.0.path`).

    Raises NotFound if the file is missing and InvalidInput that names each wrong key.
    """
    try:
        values = load_plain_yaml(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"there is no recipe at {path}") from error
    except (UnicodeDecodeError, InvalidInput) as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"{path} is no recipe: it has to be a mapping of keys to values")
    for key, value in (overrides or {}).items():
        _set(values, key, value)
    try:
        return recipe_type.model_validate(values)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in p['loc']) or 'recipe'}: {p['msg']}" for p in error.errors()]
        raise InvalidInput(f"{path} is wrong:\n  " + "\n  ".join(lines)) from error


def recipe_folder(source: Path) -> Path:
    """Folder of a domain's recipes. source: the folder of its package, `services/<domain>/<domain>`.

    In a checkout they lie beside the package; an installed domain has them under `share/pipit/<domain>`.
    """
    beside = source.parent / "configs"
    return beside if beside.is_dir() else Path(sys.prefix) / "share" / "pipit" / source.name


def find_recipe(folder: Path, task: str, name: str) -> Path:
    """Path of the recipe `name` of `task` among the files of `folder`. Raises NotFound that lists what is there."""
    short = task.partition(".")[2]
    path = folder / f"{short}-{name}.yaml"
    if path.is_file():
        return path
    known = ", ".join(recipe_names(folder, task)) or "none"
    raise NotFound(f"task {task} has no recipe {name!r}; it has {known} (in {folder})")


def recipe_names(folder: Path, task: str) -> tuple[str, ...]:
    """Names of the recipes of `task`, sorted."""
    prefix = task.partition(".")[2] + "-"
    return tuple(sorted(path.stem.removeprefix(prefix) for path in folder.glob(f"{prefix}*.yaml")))


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place: Any = values
    for parent in parents:
        place = place.setdefault(parent, {}) if isinstance(place, dict) else place[_position(place, parent, key)]
    if isinstance(place, dict):
        place[last] = value
    else:
        place[_position(place, last, key)] = value


def _position(place: Any, text: str, key: str) -> int:
    """`text` as a position in the list `place`."""
    if isinstance(place, list) and text.isascii() and text.isdigit() and int(text) < len(place):
        return int(text)
    raise InvalidInput(f"{key!r} can't be set: the recipe has no place for {text!r}")
