"""Two versions of a task beside each other: only what differs, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from pipit.bundle.manifest import Manifest
from pipit.fleet.types import RolloutView

from pipit_console import catalogue
from pipit_console.models import bundles as models

_SHORT_LIST = 10
"""Entries that anybody compares by eye."""


def compare(
    a: Manifest,
    b: Manifest,
    evaluations: tuple[Mapping[str, Any], Mapping[str, Any]],
    latency: list[models.LatencyPair],
) -> models.Comparison:
    """evaluations: the content of each `evaluation.json`."""
    first, second = evaluations
    return models.Comparison(
        a=str(a.version),
        b=str(b.version),
        metrics=_metrics(a, b),
        per_class=_classes(catalogue.per_class(first), catalogue.per_class(second)),
        confusion=models.ConfusionPair(a=catalogue.confusion(first), b=catalogue.confusion(second)),
        latency=latency,
        facts=[
            models.Fact(field=name, a=_text(before), b=_text(after), entries=_entries(before, after))
            for name, (before, after) in _pairs(_facts(a), _facts(b), "").items()
            if before != after
        ],
    )


def _metrics(a: Manifest, b: Manifest) -> list[models.MetricPair]:
    return [
        models.MetricPair(
            name=name,
            a=before and before.value,
            b=after and after.value,
            difference=None if before is None or after is None else after.value - before.value,
            a_low=before and before.low,
            a_high=before and before.high,
            b_low=after and after.low,
            b_high=after and after.high,
        )
        for name, (before, after) in _pairs(a.metrics, b.metrics, None).items()
    ]


def _classes(a: list[models.ClassLine], b: list[models.ClassLine]) -> list[models.ClassPair]:
    pairs = _pairs({each.label: each.f1 for each in a}, {each.label: each.f1 for each in b}, None)
    return [
        models.ClassPair(label=label, a=one, b=two, difference=None if one is None or two is None else two - one)
        for label, (one, two) in pairs.items()
    ]


def latency_of_arms(views: Iterable[RolloutView], a: str) -> list[models.LatencyPair]:
    """Of the newest A/B between the two, in which both answered at the same time, over all boards together."""
    for view in views:
        for each in view.comparisons:
            if each.measure == "latency":
                arms = (each.from_value, each.from_samples), (each.to_value, each.to_samples)
                return [latency_pair("all", *(arms if view.rollout.from_version == a else arms[::-1]))]
    return []


def latency_pair(board: str, a: tuple[float, float], b: tuple[float, float]) -> models.LatencyPair:
    """a, b: mean seconds, and the answers behind it."""
    return models.LatencyPair(
        board=board,
        a_ms=1000.0 * a[0] if a[1] else None,
        b_ms=1000.0 * b[0] if b[1] else None,
        a_samples=round(a[1]),
        b_samples=round(b[1]),
    )


def _text(fact: str | list[str]) -> str:
    return fact if isinstance(fact, str) else ", ".join(fact)


def _entries(before: str | list[str], after: str | list[str]) -> str:
    """What nobody counts by eye. Entries stand for each other by their place."""
    if isinstance(before, str) or isinstance(after, str):
        return ""
    longest = max(len(before), len(after))
    if longest <= _SHORT_LIST:
        return ""
    differ = sum(one != other for one, other in zip_longest(before, after))
    return f"{differ:,} of {longest:,} entries differ"


def _facts(manifest: Manifest) -> dict[str, str | list[str]]:
    document = manifest.model_dump(mode="json", exclude={"version", "metrics", "files", "golden", "labels", "gates"})
    document["labels"] = list(manifest.labels)
    document["gates"] = "; ".join(f"{gate.metric} {gate.comparison} {gate.limit:g}" for gate in manifest.gates)
    return dict(_flat(document, ""))


def _flat(value: Any, prefix: str) -> Iterable[tuple[str, str | list[str]]]:
    """Leaves by their path, such as decision.thresholds.siren."""
    if isinstance(value, Mapping):
        for name, inside in value.items():
            yield from _flat(inside, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, inside in enumerate(value):
            name = inside.get("name", number) if isinstance(inside, Mapping) else number
            yield from _flat(inside, f"{prefix}.{name}")
    elif isinstance(value, list):
        yield prefix, [str(each) for each in value]
    elif value is not None:
        yield prefix, str(value)


def _pairs(a: Mapping[str, Any], b: Mapping[str, Any], default: Any) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name, default), b.get(name, default)) for name in [*a, *(each for each in b if each not in a)]}
