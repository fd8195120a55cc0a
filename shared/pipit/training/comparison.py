"""Several trainings of a task side by side: how good each variant of each is, and how large."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipit.bundle.reader import Bundle
from pipit.training.run import read_records

PARITY = Path("verify") / "parity.json"
"""Of a run folder."""


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One variant of one bundle. source: the run's folder, or the bundle's name where it lies in none.

    size: of its weights, bytes. serves: it is the one that serves unless another is asked for. accuracy: on the run's
    test split, None where nothing tells it. samples: of that split. fit_seconds: how long the training took.
    """

    source: str
    network: str
    variant: str
    serves: bool
    size: int
    accuracy: float | None
    samples: int
    fit_seconds: float | None


def compare_bundles(bundles: Sequence[Bundle]) -> tuple[VariantResult, ...]:
    """Every variant of each. Only a run tells the accuracy of those that do not serve."""
    return tuple(result for bundle in bundles for result in _results(bundle))


def _results(bundle: Bundle) -> list[VariantResult]:
    manifest, run = bundle.manifest, bundle.path.parent.parent
    in_run = (run / PARITY).is_file()
    measured = json.loads((run / PARITY).read_bytes()) if in_run else {}
    fit = read_records(run).get("fit") if in_run else None
    served = manifest.metrics.get("accuracy")
    results = []
    for variant in manifest.variants:
        serves = variant.name == manifest.default_variant
        accuracy, samples = (served.value, served.samples) if serves and served is not None else (None, 0)
        if variant.name in measured:
            accuracy, samples = measured[variant.name]["accuracy"], measured[variant.name]["samples"]
        results.append(
            VariantResult(
                source=run.name if in_run else manifest.name,
                network=manifest.model_type,
                variant=variant.name,
                serves=serves,
                size=manifest.files[variant.file].size,
                accuracy=accuracy,
                samples=samples,
                fit_seconds=None if fit is None else fit.seconds,
            )
        )
    return results
