"""Labelled files into the registry: each an example that a person brought, and an event that says what it is."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipit.errors import InputTooLarge, InvalidInput
from pipit.examples import Example, Reason
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.inputs.limits import LARGEST_FILE, limit_of
from pipit.inputs.suffixes import media_type_of
from pipit.labels.client import LabelClient
from pipit.labels.formats import Labelled, format_named
from pipit.labels.formats.archive import opened
from pipit.labels.gathering import all_examples
from pipit.labels.types import Event, Kind

_BATCH = 200
"""Events that go together."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many files came in, how many of them with labels, and a line for each entry that did not."""

    examples: int
    labelled: int
    problems: tuple[str, ...]


def import_labelled(
    examples: ExampleClient,
    labels: LabelClient,
    task: str,
    path: Path,
    notation: str,
    advance: Callable[[int, int], None] = lambda done, total: None,
    scratch: Path | None = None,
) -> Imported:
    """Brings a folder, a zip file or a list of labels in. Once more adds nothing: files are known by their content.

    advance: is told how many files are through, of how many. scratch: folder where an archive is unpacked; None: the
    system's own for what is temporary. Raises what a format's `read` and the clients raise.
    """
    with opened(path, scratch=scratch) as (folder, table):
        found = format_named(notation).read(folder, table)
        problems = list(found.problems)
        events: list[Event] = []
        taken = labelled = 0
        known = {one.sha256: one.id for one in all_examples(examples, task)[0] if one.reason is Reason.IMPORTED}
        for number, item in enumerate(found.items, start=1):
            try:
                example = _upload(examples, task, item, known)
            except (InvalidInput, InputTooLarge) as error:
                problems.append(f"{item.name}: {error}")
            else:
                taken += 1
                if item.kind is not None:
                    labelled += 1
                    events.append(_event(item, item.kind, example))
            if len(events) >= _BATCH:
                _append(labels, task, events)
                events = []
            advance(number, len(found.items))
        _append(labels, task, events)
    return Imported(taken, labelled, tuple(problems))


def _upload(client: ExampleClient, task: str, item: Labelled, known: dict[str, str]) -> str:
    """The example's id. known: ids by SHA-256 of what was brought before."""
    media_type = media_type_of(item.name)
    if not media_type:
        raise InvalidInput("its name does not tell what it holds; give it an ending such as .wav or .jpg")
    if item.path.stat().st_size > LARGEST_FILE:
        raise InputTooLarge(f"it has more than {limit_of(LARGEST_FILE)}; cut it into parts")
    content = item.path.read_bytes()
    if not content:
        raise InvalidInput("it is empty")
    digest = hashlib.sha256(content).hexdigest()
    if digest not in known:
        now = datetime.now(UTC)
        example = Example(
            example_id(now, content),
            task,
            media_type,
            len(content),
            digest,
            Reason.IMPORTED,
            taken_at=now,
            group=item.group,
            name=item.name,
        )
        known[digest] = client.upload(example, content).id
    return known[digest]


def _event(item: Labelled, kind: Kind, example: str) -> Event:
    """With an id that follows from what it says, so that bringing it once more is no second event."""
    said = f"{example} {kind} {item.label!r} {item.boxes!r} {item.spans!r}"
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, said))
    return Event(identity, kind, datetime.now(UTC), example, label=item.label, boxes=item.boxes, spans=item.spans)


def _append(client: LabelClient, task: str, events: list[Event]) -> None:
    if events:
        batch = uuid.uuid5(uuid.NAMESPACE_URL, " ".join(event.id for event in events))
        client.append(task, str(batch), events)
