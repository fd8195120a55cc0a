"""`bundle.yaml`: what a bundle is, as data. Its SHA-256 is the bundle's digest.

Unknown keys are kept, not refused, so that an older device reads a newer bundle; what it does not know it leaves alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipit.bundle.version import SemanticVersion
from pipit.errors import NotFound
from pipit.types import TASK_NAME

FORMAT = 1
MANIFEST_FILE = "bundle.yaml"
SIGNATURE_FILE = "bundle.sig"
GOLDEN_FILE = "golden.npz"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TaskName = Annotated[str, Field(pattern=TASK_NAME)]
Label = Annotated[str, Field(min_length=1, max_length=200)]
NetworkName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
UtcTime = Annotated[
    str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)$")
]
"""ISO 8601 in UTC, as `datetime.now(UTC).isoformat()` gives it."""
RelativePath = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*$", max_length=200)
]
"""Stays inside the bundle: no absolute path, no `..`, no drive, no hidden file."""


class Part(BaseModel):
    """Base of the manifest's parts: immutable, unknown keys kept."""

    # "constants": a number that is not finite is refused when it is written, not turned into null.
    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="constants", defer_build=True)


class InputDescription(Part):
    """What the task takes from a caller."""

    kind: Literal["audio", "image", "landmarks", "sequence", "tensor"]
    shape: tuple[int, ...] = ()
    """Of one row that the pipeline gives to the network."""
    dtype: str = "float32"
    units: str = ""
    """For people, for example "dB relative to the loudest"."""


class PipelineReference(Part):
    """Pre- and post-processing: a name that installed packages know, and its parameters."""

    name: str
    parameters: dict[str, Any] = {}


class FileEntry(Part):
    """One file of the bundle."""

    sha256: Digest
    size: Annotated[int, Field(ge=0)]
    """Bytes."""


class Variant(Part):
    """One form of the weights."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    """`float32`, `dynamic`, `int8`, …"""
    runtime: Literal["litert", "onnx"]
    file: RelativePath


class Network(Part):
    """A further network, which the pipeline itself runs while it decodes: what finds the parts that are classified."""

    runtime: Literal["litert", "onnx"]
    file: RelativePath


class Decision(Part):
    """How scores become an answer; `pipit.answers` is the rule."""

    thresholds: dict[Label, Probability] = {}
    """A label is detected if its score reaches this; chosen on validation data. Labels without one: 0.5."""
    background: Label | None = None
    """The label that means "nothing of interest"."""
    experimental: tuple[Label, ...] = ()
    """Labels of which too little is known: their scores are shown and marked, never detected, never the answer."""
    groups: dict[Label, Annotated[tuple[Label, ...], Field(min_length=2)]] = {}
    """Labels that belong together, by a name that is no label: a family of species. Its score is the sum of theirs."""
    unknown_below: Probability = 0.0
    """If even the best score is lower, and nothing is detected, no label describes the input."""
    uncertain_margin: Probability = 0.0
    """If the two best scores lie closer than this, the input is worth a label by a person."""


class Metric(Part):
    """One measured number on the test split."""

    value: Finite
    samples: Annotated[int, Field(ge=0)]
    """How many examples stand behind it."""
    low: Finite | None = None
    """Lower end of the 95 % confidence interval."""
    high: Finite | None = None


class Gate(Part):
    """A promise that the registry checks at promotion: `metric comparison limit`."""

    name: str
    metric: str
    comparison: Literal[">", ">=", "<", "<="]
    limit: Finite


class GoldenSamples(Part):
    """Raw inputs with the scores that the trainer's own process gave for each variant."""

    file: RelativePath = GOLDEN_FILE
    tolerance: dict[str, Annotated[float, Field(gt=0.0, le=1.0)]]
    """Largest absolute difference of a score, by variant."""


class ScoreHistogram(Part):
    """Best scores of test samples, as shares that add up: `share[i]` of `samples` are at most `upper[i]`."""

    upper: Annotated[tuple[Probability, ...], Field(min_length=1)]
    """Ends of the bins, growing."""
    share: tuple[Probability, ...]
    samples: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _bins_grow(self) -> ScoreHistogram:
        if len(self.share) != len(self.upper):
            raise ValueError(f"{len(self.upper)} bins, but {len(self.share)} shares")
        if list(self.upper) != sorted(set(self.upper)) or list(self.share) != sorted(self.share):
            raise ValueError("the ends of bins have to grow, and shares must not fall")
        return self


class Expectations(Part):
    """What should be found in service; where it is not, something has changed."""

    latency_budget_ms: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Milliseconds within which 95 of 100 inputs should be answered on a device."""
    best_scores: ScoreHistogram | None = None
    """Other scores than these hint at another world, or another microphone, than the test split's."""


class Lineage(Part):
    """Where the bundle comes from."""

    dataset_digest: Digest
    split_rule: str
    config_digest: Digest
    code_version: str
    seed: int
    base_bundle: Digest | None = None
    label_sets: tuple[str, ...] = ()
    """Data sets of people's labels that it was trained on, as `labels://NAME@DIGEST`."""
    synthetic: tuple[str, ...] = ()
    """Names of data, or of what they or the weights were made of, that a program made; empty: none of it."""


class Manifest(Part):
    """The whole of `bundle.yaml`."""

    format: Literal[1] = 1
    task: TaskName
    version: SemanticVersion
    model_type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    """The network, for example "mobilenet"."""
    created_at: UtcTime
    """When the trainer made it."""
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    """In the order of the network's output."""
    input: InputDescription
    pipeline: PipelineReference
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]
    default_variant: str
    networks: dict[NetworkName, Network] = {}
    """Each in one form; `variants` are the forms of the task's own network, which runs last."""
    decision: Decision = Decision()
    metrics: dict[str, Metric] = {}
    gates: tuple[Gate, ...] = ()
    golden: GoldenSamples
    expected: Expectations = Expectations()
    lineage: Lineage
    files: dict[RelativePath, FileEntry]
    """Every file of the bundle but the manifest and its signature."""

    @property
    def name(self) -> str:
        """`{model_type}-{variant}-v{version}`."""
        return f"{self.model_type}-{self.default_variant}-v{self.version}"

    def variant(self, name: str | None = None) -> Variant:
        """The variant of that name, or the default one. Raises NotFound."""
        wanted = name or self.default_variant
        for variant in self.variants:
            if variant.name == wanted:
                return variant
        known = ", ".join(v.name for v in self.variants)
        raise NotFound(f"bundle {self.name} has no variant {wanted!r}; it has {known}")
