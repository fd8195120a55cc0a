"""What people say. The registry has stored it before this is answered; the index follows."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from fastapi import APIRouter
from pipit.errors import InvalidInput
from pipit.labels import Event, Kind

from pipit_console.access import Labelling, Parts, TaskPath
from pipit_console.models import labels as models
from pipit_console.sessions import Session
from pipit_console.showing import show_outcome

router = APIRouter(prefix="/label/{task}", tags=["events"])


@router.post("/events")
def append(task: TaskPath, batch: models.Batch, session: Labelling, parts: Parts) -> models.Stored:
    """Stores a batch; once more with the same batch_id does no harm. Gives what its examples are now."""
    pool = parts.pools.get(task, session)
    now = datetime.now(UTC)
    events = tuple(_event(asked, session, now) for asked in batch.events)
    known = session.clients.labels.append(task, batch.batch_id, events)
    if known:
        # Whatever the batch held the first time is what counts.
        pool.catch_up(session)
    items = pool.outcomes(events) if known else pool.apply(events)
    return models.Stored(known=known, items={identity: show_outcome(found) for identity, found in items.items()})


@router.post("/labels")
def add_label(task: TaskPath, asked: models.LabelAsked, session: Labelling, parts: Parts) -> models.LabelsAnswer:
    """A further label of the task."""
    pool = parts.pools.get(task, session)
    event = Event(secrets.token_hex(16), Kind.ADD_LABEL, datetime.now(UTC), label=asked.label, by=session.name)
    session.clients.labels.append(task, secrets.token_hex(16), [event])
    pool.apply([event])
    return models.LabelsAnswer(labels=list(pool.labels(session)))


def _event(asked: models.EventAsked, session: Session, now: datetime) -> Event:
    try:
        at = asked.at.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"event {asked.id}: {asked.at} lies outside of the calendar") from None
    return Event(
        id=asked.id,
        kind=Kind(asked.kind),
        # A clock that is fast must not win over all that people say until that time has come.
        at=min(at, now),
        example=asked.example,
        label=asked.label,
        boxes=tuple(asked.boxes),
        spans=tuple(asked.spans),
        undoes=asked.undoes,
        seconds=asked.seconds,
        by=session.name,
        saw_suggestion=asked.saw_suggestion,
    )
