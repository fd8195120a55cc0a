"""Examples that a registry takes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from pipit.examples import Consent, Example, Part, Reason, Score
from pipit.examples.ids import example_id

TASK = "test.sounds"
DEVICE = "pi-7"
TAKEN = datetime(2026, 11, 20, 18, 5, 0, 500_000, tzinfo=UTC)
CONSENT = Consent(DEVICE, TASK, "Anna and Ben agree that unsure clips of the hall are kept.")


def made(number: int, **other: object) -> tuple[Example, bytes]:
    """An example of a device, and its content."""
    content = f"content {number} ".encode() * 40
    taken_at = other.pop("taken_at", TAKEN)
    assert isinstance(taken_at, datetime)
    example = Example(
        example_id(taken_at, content),
        TASK,
        "audio/wav",
        len(content),
        hashlib.sha256(content).hexdigest(),
        Reason.UNCERTAIN,
        DEVICE,
        taken_at,
        "1.0.0",
        (Part(span=(0.0, 1.5), scores=(Score("loud", 0.55), Score("quiet", 0.45)), label="loud"),),
        group="evening",
    )
    return replace(example, **other), content  # type: ignore[arg-type]


def imported(number: int) -> tuple[Example, bytes]:
    """An example that a person brought."""
    return made(number, reason=Reason.IMPORTED, device_id="", name=f"clip-{number}.wav", position=number * 2.0)
