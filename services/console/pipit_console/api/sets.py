"""Data sets: brought here, taken away, and frozen for a training."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pipit.labels.exporting import export_set
from pipit.labels.freezing import Frozen
from pipit.labels.gathering import gather
from pipit.labels.importing import import_labelled
from starlette.background import BackgroundTask

from pipit_console.access import Console, Labelling, Parts, TaskPath
from pipit_console.models import labels as models
from pipit_console.pools import TRANSFER
from pipit_console.sessions import Session

router = APIRouter(prefix="/label/{task}", tags=["sets"])
Chosen = Annotated[models.Format, Query(alias="format")]
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"format": "binary"}}}}}
_LISTS = {
    "csv": "labels.csv",
    "jsonl": "labels.jsonl",
    "labelstudio": "tasks.json",
    "coco": "annotations.json",
    "yolo": "data.yaml",
    "edl": "list.edl",
    "folder": "files.zip",
}
"""What a file is called that is no ZIP, by format."""


@router.get("/sets")
def list_sets(task: TaskPath, session: Labelling) -> list[models.SetLine]:
    """Frozen data sets of the task, newest first."""
    return [
        models.SetLine(
            name=each.name,
            digest=each.digest,
            labels=list(each.labels),
            made_by=each.made_by,
            made_at=each.made_at,
        )
        for each in session.clients.labels.list_sets(task)
    ]


@router.post("/freeze")
def freeze(task: TaskPath, asked: models.FreezeAsked, session: Labelling, parts: Parts) -> models.Frozen:
    """Makes a data set of what is labelled now; it never changes again."""
    frozen = _frozen(parts, session, task, asked.name)
    stored = session.clients.labels.put_set(frozen.set)
    return models.Frozen(
        name=stored.name,
        digest=stored.digest,
        labels=dict(frozen.labels),
        held_out=frozen.held_out,
        left_out=dict(frozen.left_out),
        command=f"pipit train {task} --additional-data labels://{stored.name}@{stored.digest}",
    )


@router.get("/export", response_class=Response)
def export(task: TaskPath, session: Labelling, parts: Parts, chosen: Chosen) -> Response:
    """Everything that is labelled, with its files, as a ZIP file."""
    frozen = _frozen(parts, session, task, "export").set
    folder = _temporary(parts)
    path = Path(folder.name) / "export.zip"
    try:
        export_set(frozen, chosen, lambda identity: session.clients.examples.read_content(task, identity), path)
    except BaseException:
        folder.cleanup()
        raise
    name = f"{task}-{chosen}-{frozen.digest[:12]}.zip"
    return FileResponse(path, media_type="application/zip", filename=name, background=BackgroundTask(folder.cleanup))


@router.post("/import", name="import_examples", openapi_extra=_BODY)
async def import_examples(
    task: TaskPath, request: Request, session: Labelling, parts: Parts, chosen: Chosen
) -> models.Imported:
    """Examples with or without labels: a ZIP file, or the one file that the format is."""
    with _temporary(parts) as folder:
        path = Path(folder) / _LISTS[chosen]
        with path.open("wb") as file:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
        clients = session.clients
        found = await run_in_threadpool(
            import_labelled, clients.examples, clients.labels, task, path, chosen, scratch=path.parent
        )
    parts.pools.look_again(task)
    return models.Imported(examples=found.examples, labelled=found.labelled, problems=list(found.problems))


def _frozen(parts: Console, session: Session, task: str, name: str) -> Frozen:
    """Of what the registry holds itself: the index may lag behind. It knows the near-duplicates so far."""
    pool = parts.pools.get(task, session)
    manifest = pool.manifest(session)
    gathered = gather(session.clients.examples, session.clients.labels, task)
    return gathered.freeze(name, () if manifest is None else manifest.labels, pool.index.similar())


def _temporary(parts: Console) -> TemporaryDirectory[str]:
    folder = parts.settings.cache_dir.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(dir=folder, prefix=TRANSFER)
