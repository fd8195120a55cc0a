"""Events and data sets that a registry takes."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from pipit.labels import Event, Kind, LabelSet, SetItem
from pipit.labels.digests import set_digest

TASK = "test.sounds"
AT = datetime(2026, 11, 29, 12, 30, 1, 250_000, tzinfo=UTC)


def example(number: int) -> str:
    return f"20261129-{hashlib.sha256(str(number).encode()).hexdigest()[:32]}"


def batch_id() -> str:
    return str(uuid.uuid4())


def labelled(number: int, label: str = "loud", **other: object) -> Event:
    return replace(Event(f"event-{number}", Kind.LABEL, AT, example(number), label), **other)  # type: ignore[arg-type]


def frozen(count: int = 3, name: str = "evening", label: str = "loud") -> LabelSet:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    items = tuple(SetItem(f"20261129-{each[:32]}", each, "audio/wav", label, group="g1") for each in digests)
    whole = LabelSet(name, TASK, "", ("quiet", "loud"), items)
    return replace(whole, digest=set_digest(whole))
