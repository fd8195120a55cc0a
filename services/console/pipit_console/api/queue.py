"""What there is to label, and how far it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pipit.labels.queue import Mode

from pipit_console.access import Asking, Labelling, Parts, TaskPath
from pipit_console.models import labels as models
from pipit_console.showing import show_item, show_summary

router = APIRouter(tags=["label"])


@router.get("/label")
def list_label_tasks(session: Asking, parts: Parts) -> list[models.LabelTask]:
    """Tasks whose examples this person may label; none for who may not label."""
    return parts.pools.tasks_of(session)


@router.get("/label/{task}/summary")
def get_summary(task: TaskPath, session: Labelling, parts: Parts) -> models.Summary:
    """Labels, progress, people, and advice."""
    pool = parts.pools.get(task, session)
    return show_summary(task, pool.input_kind(session), pool.index.summary(pool.labels(session)))


@router.get("/label/{task}/queue")
def get_queue(
    task: TaskPath,
    session: Labelling,
    parts: Parts,
    mode: models.Mode = "work",
    count: Annotated[int, Query(ge=1, le=500)] = 20,
    skip: Annotated[str, Query(max_length=60_000)] = "",
    label: str = "",
) -> models.Queue:
    """What to label next.

    skip: ids that the page has already, separated by commas. label: only what is suggested as it, or was labelled so.
    """
    pool = parts.pools.get(task, session)
    queue = pool.index.queue(session.name, Mode(mode), count, frozenset(skip.split(",")), label)
    return models.Queue(items=[show_item(item) for item in queue.items], waiting=queue.waiting)


@router.get("/label/{task}/stats")
def get_stats(task: TaskPath, session: Labelling, parts: Parts) -> dict[str, Any]:
    """What `pipit label stats --json` prints."""
    return parts.pools.get(task, session).stats(session)


@router.get("/label/{task}/timeline")
def get_timeline(task: TaskPath, session: Labelling, parts: Parts, group: str = "") -> models.Timeline:
    """All recordings of the task, or the items of one in their order."""
    index = parts.pools.get(task, session).index
    if group:
        items = [
            models.TimelineItem(
                id=each.id,
                position=each.position,
                taken_at=each.taken_at,
                score=each.score,
                label=each.label,
                state=each.state.value,
                suggested=each.suggested,
            )
            for each in index.group(group, session.name)
        ]
        return models.Timeline(groups=[], group=group, items=items)
    groups = [
        models.TimelineGroup.model_validate(
            {
                "group": each.group,
                "items": each.items,
                "labelled": each.labelled,
                "from": each.start,
                "to": each.end,
                "first_taken_at": each.first_taken_at,
                "last_taken_at": each.last_taken_at,
            }
        )
        for each in index.groups()
    ]
    return models.Timeline(groups=groups, group="", items=[])
