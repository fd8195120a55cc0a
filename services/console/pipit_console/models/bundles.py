"""Tasks and versions."""

from __future__ import annotations

from datetime import datetime

from pipit_console.models.base import Answer
from pipit_console.models.fleet import Move


class Pointer(Answer):
    """Where an environment of a task points. version: empty: nothing was promoted."""

    name: str
    version: str
    revision: int


class TaskLine(Answer):
    """A task. versions: how many."""

    task: str
    input_kind: str
    versions: int
    environments: list[Pointer]


class MetricValue(Answer):
    """A number of the test split, with its 95 % interval where it was measured."""

    name: str
    value: float
    low: float | None
    high: float | None
    samples: int


class GateAnswer(Answer):
    """A promise of the bundle. text: what was promised and what was measured."""

    name: str
    passed: bool
    text: str


class VersionLine(Answer):
    """A published version. environments: those that point to it."""

    version: str
    digest: str
    created_at: datetime
    metrics: list[MetricValue]
    gates: list[GateAnswer]
    synthetic: list[str]
    signed_by: list[str]
    environments: list[str]
    bytes: int


class TaskAnswer(Answer):
    """metrics: names that any version has. versions: newest first. history: moves, newest first."""

    task: str
    input_kind: str
    labels: list[str]
    environments: list[Pointer]
    versions: list[VersionLine]
    metrics: list[str]
    history: list[Move]


class Plot(Answer):
    """A picture of the report."""

    name: str
    title: str
    url: str


class ClassLine(Answer):
    """How a label did on the test split; null: nothing to measure it on."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    samples: int


class Confusion(Answer):
    """matrix[i][j]: samples of label i whose best label is j."""

    labels: list[str]
    matrix: list[list[int]]


class SignatureAnswer(Answer):
    """state: trusted, unchecked (a key that the registry does not know), unsigned. key: its id."""

    state: str
    key: str
    text: str


class VariantLine(Answer):
    """One form of the weights."""

    name: str
    runtime: str
    bytes: int


class VersionDevice(Answer):
    """A device that has the version. golden_deviation: of its scores from the trainer's."""

    device_id: str
    board: str
    state: str
    golden_deviation: float | None


class VersionAnswer(VersionLine):
    """All of a version. model_card: Markdown; empty if there is none. lineage: name to value."""

    task: str
    input_kind: str
    labels: list[str]
    model_card: str
    plots: list[Plot]
    per_class: list[ClassLine]
    confusion: Confusion | None
    lineage: dict[str, str]
    signature: SignatureAnswer
    variants: list[VariantLine]
    devices: list[VersionDevice]
    thresholds: dict[str, float]


class MetricPair(Answer):
    """One metric of both versions. difference: b less a."""

    name: str
    a: float | None
    b: float | None
    difference: float | None
    a_low: float | None
    a_high: float | None
    b_low: float | None
    b_high: float | None


class ClassPair(Answer):
    """F1 of a label in both versions."""

    label: str
    a: float | None
    b: float | None
    difference: float | None


class ConfusionPair(Answer):
    """Of both versions; null where the report has none."""

    a: Confusion | None
    b: Confusion | None


class LatencyPair(Answer):
    """Mean of the answers that devices of a board reported. samples: answers behind it."""

    board: str
    a_ms: float | None
    b_ms: float | None
    a_samples: int
    b_samples: int


class Fact(Answer):
    """Something in which the versions differ. entries: of a long list, how many; empty for anything else."""

    field: str
    a: str
    b: str
    entries: str


class Comparison(Answer):
    """Two versions of a task."""

    a: str
    b: str
    metrics: list[MetricPair]
    per_class: list[ClassPair]
    confusion: ConfusionPair
    latency: list[LatencyPair]
    facts: list[Fact]
