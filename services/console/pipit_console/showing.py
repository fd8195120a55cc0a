"""What the index tells, as the page gets it."""

from __future__ import annotations

from typing import cast

from pipit.examples import Part
from pipit.labels import views
from pipit.labels.resolution import Resolution, Said

from pipit_console.models import labels as models


def show_outcome(found: Resolution) -> models.Outcome:
    """What an example is now."""
    return models.Outcome(state=found.state.value, label=found.label, boxes=list(found.boxes), spans=list(found.spans))


def show_item(item: views.Item) -> models.Item:
    """As the person that the index was asked for may see it."""
    example, found = item.example, item.resolution
    guess = found.suggestion
    return models.Item(
        **show_outcome(found).model_dump(),
        id=example.id,
        media_type=example.media_type,
        bytes=example.bytes,
        taken_at=example.taken_at,
        device_id=example.device_id,
        reason=example.reason.value,
        group=example.group,
        position=example.position,
        name=example.name,
        honest=item.honest,
        why=cast(models.Why, item.why),
        parts=[_part(part) for part in example.parts],
        version=example.version,
        suggestion=None
        if guess is None
        else models.Suggestion(label=guess.label, score=guess.score, version=guess.version),
        said=[_said(each) for each in found.said],
        similar=list(item.similar),
    )


def show_summary(task: str, input_kind: str, found: views.Summary) -> models.Summary:
    """How far the labelling of a task is."""
    progress, accuracy = found.progress, found.honest.accuracy
    return models.Summary(
        task=task,
        input_kind=input_kind,
        labels=[
            models.LabelCount(label=each.label, count=each.count, suggested=each.suggested) for each in found.labels
        ],
        progress=models.Progress(
            examples=progress.examples,
            labelled=progress.labelled,
            skipped=progress.skipped,
            waiting=progress.waiting,
            disagreements=progress.disagreements,
            duplicates=progress.duplicates,
        ),
        honest=models.Honest(
            examples=found.honest.examples,
            labelled=found.honest.labelled,
            version=found.honest.version,
            accuracy=None
            if accuracy is None
            else models.Interval(value=accuracy.value, low=accuracy.low, high=accuracy.high, samples=accuracy.samples),
        ),
        people=[
            models.Person(by=each.by, labels=each.labels, median_seconds=each.median_seconds, agreement=each.agreement)
            for each in found.people
        ],
        advice=list(found.advice),
    )


def _part(part: Part) -> models.ItemPart:
    return models.ItemPart(
        box=list(part.box),
        span=list(part.span),
        label=part.label,
        unknown=part.unknown,
        scores=[models.ItemScore(label=each.label, score=each.score) for each in part.scores],
    )


def _said(said: Said) -> models.Said:
    return models.Said(
        by=said.by,
        event=said.event,
        kind=said.kind.value,
        label=said.label,
        boxes=list(said.boxes),
        spans=list(said.spans),
        at=said.at,
    )
