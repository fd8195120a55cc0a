"""What the commands of `pipit label` share: the registry, and how an event is made."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipit.cli.settings import CliSettings
from pipit.examples.client import ExampleClient
from pipit.labels import Event, Kind
from pipit.labels.client import LabelClient
from pipit.settings import load_settings

TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help='"domain.task".')]


@contextmanager
def connected_labels(address: str) -> Iterator[tuple[ExampleClient, LabelClient]]:
    """Clients of the registry at `address`, or of the one in the settings."""
    settings = load_settings(CliSettings)
    place = address or settings.registry
    with ExampleClient(place, **settings.access) as examples, LabelClient(place, **settings.access) as labels:
        yield examples, labels


def new_event(kind: Kind, example: str, label: str, score: float = 0.0, version: str = "") -> Event:
    """An event of this moment, with an id of its own."""
    return Event(str(uuid.uuid4()), kind, datetime.now(UTC), example, label=label, score=score, version=version)
