"""Versions as the page shows them, of what the registry and the bundles' reports say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipit.bundle.manifest import Manifest
from pipit.fleet.types import Device, TaskReport
from pipit.registry.types import Environment, Version

from pipit_console.models import bundles as models

_REPORT = "report/"
_TITLES = {
    "confusion": "Confusion matrix",
    "precision_recall": "Precision against recall",
    "reliability": "Accuracy by score",
    "coverage": "Accuracy of the surest answers",
    "scores": "Scores of right and wrong answers",
    "robustness": "What changed inputs do to detections",
    "training": "The training",
}


def pointers(environments: Iterable[Environment], task: str) -> list[models.Pointer]:
    """Of a task, by name."""
    found = [each for each in environments if each.task == task]
    return [
        models.Pointer(name=each.name, version=each.version, revision=each.revision)
        for each in sorted(found, key=lambda each: each.name)
    ]


def version_line(version: Version, manifest: Manifest, environments: Iterable[Environment]) -> models.VersionLine:
    """A version without its report."""
    return models.VersionLine(
        version=version.version,
        digest=version.digest,
        created_at=version.published_at,
        metrics=[
            models.MetricValue(name=name, value=each.value, low=each.low, high=each.high, samples=each.samples)
            for name, each in manifest.metrics.items()
        ],
        gates=[models.GateAnswer(name=gate.name, passed=gate.passed, text=str(gate)) for gate in version.gates],
        synthetic=list(manifest.lineage.synthetic),
        signed_by=list(version.signed_by),
        environments=[
            each.name for each in environments if (each.task, each.version) == (version.task, version.version)
        ],
        bytes=version.size,
    )


def signature(version: Version) -> models.SignatureAnswer:
    """What the registry says of it."""
    if not version.signed:
        return models.SignatureAnswer(state="unsigned", key="", text="nobody signed it")
    if not version.signed_by:
        return models.SignatureAnswer(state="unchecked", key="", text="signed by a key that the registry does not know")
    keys = ", ".join(version.signed_by)
    return models.SignatureAnswer(state="trusted", key=version.signed_by[0], text=f"signed by {keys}")


def lineage(manifest: Manifest) -> dict[str, str]:
    """Name to value, as text."""
    found = {name: value for name, value in manifest.lineage.model_dump(mode="json").items() if value not in (None, [])}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def plots(manifest: Manifest, prefix: str) -> list[models.Plot]:
    """prefix: of the URLs of the report's files."""
    found = []
    for path in sorted(manifest.files):
        if path.startswith(_REPORT) and path.endswith(".png"):
            stem = path.removeprefix(_REPORT).removesuffix(".png")
            title = _TITLES.get(stem, stem.replace("_", " ").capitalize())
            found.append(models.Plot(name=stem, title=title, url=prefix + path.removeprefix(_REPORT)))
    return found


def per_class(evaluation: Mapping[str, Any]) -> list[models.ClassLine]:
    """Of `evaluation.json`; none where there is none."""
    return [
        models.ClassLine(
            label=str(each["label"]),
            precision=_value(each.get("precision")),
            recall=_value(each.get("recall")),
            f1=_value(each.get("f1")),
            samples=int(each.get("support", 0)),
        )
        for each in evaluation.get("classes", ())
    ]


def confusion(evaluation: Mapping[str, Any]) -> models.Confusion | None:
    """Of `evaluation.json`."""
    if "confusion" not in evaluation or "labels" not in evaluation:
        return None
    return models.Confusion(labels=list(evaluation["labels"]), matrix=[list(row) for row in evaluation["confusion"]])


def devices_with(devices: Iterable[Device], task: str, version: str) -> list[models.VersionDevice]:
    """Devices that answer with the version, or have it at hand, or refused it."""
    found = []
    for device, report in reports_of(devices, task):
        if report.active_version == version:
            state, deviation = str(report.state), report.golden_deviation
        elif report.desired_version == version:
            state, deviation = str(report.state), None
        elif report.candidate_version == version:
            state, deviation = str(report.candidate_state), None
        else:
            continue
        found.append(
            models.VersionDevice(
                device_id=device.device_id, board=device.board, state=state, golden_deviation=deviation
            )
        )
    return found


def reports_of(devices: Iterable[Device], task: str) -> list[tuple[Device, TaskReport]]:
    """Of each device that has the task."""
    return [(device, report) for device in devices for report in device.tasks if report.task == task]


def _value(estimate: Any) -> float | None:
    """Estimates come with an interval, F1 without."""
    found = estimate.get("value") if isinstance(estimate, Mapping) else estimate
    return None if found is None else float(found)
