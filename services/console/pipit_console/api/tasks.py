"""Tasks, versions, and two versions beside each other."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pipit.bundle.manifest import Manifest
from pipit.errors import NotFound, Unavailable
from pipit.registry.types import Listing, Version

from pipit_console import catalogue
from pipit_console.access import Asking, Console, Parts, TaskPath
from pipit_console.comparing import compare, latency_of_arms
from pipit_console.measures import latency_by_board
from pipit_console.models import bundles as models
from pipit_console.past import moves_of
from pipit_console.sessions import Session

router = APIRouter(tags=["tasks"])
_TYPES = {"png": "image/png", "md": "text/plain; charset=utf-8", "json": "application/json"}
_MOVES = 200
_COMPARED_ROLLOUTS = 5


@router.get("/tasks")
def list_tasks(session: Asking, parts: Parts) -> list[models.TaskLine]:
    """By name."""
    listing = session.clients.registry.list_versions()
    lines = []
    for task in sorted({version.task for version in listing.versions}):
        if session.may_ask(task):
            versions = [version for version in listing.versions if version.task == task]
            lines.append(
                models.TaskLine(
                    task=task,
                    input_kind=_manifest(parts, session, versions[0]).input.kind,
                    versions=len(versions),
                    environments=catalogue.pointers(listing.environments, task),
                )
            )
    return lines


@router.get("/tasks/{task}")
def get_task(task: TaskPath, session: Asking, parts: Parts) -> models.TaskAnswer:
    """Its versions and the moves of its environments."""
    listing = _listing(session, task)
    manifests = [_manifest(parts, session, version) for version in listing.versions]
    environments = catalogue.pointers(listing.environments, task)
    moves = [move for each in environments for move in moves_of(session, task, each.name)]
    return models.TaskAnswer(
        task=task,
        input_kind=manifests[0].input.kind,
        labels=list(manifests[0].labels),
        environments=environments,
        versions=[
            catalogue.version_line(version, manifest, listing.environments)
            for version, manifest in zip(listing.versions, manifests, strict=True)
        ],
        metrics=list(dict.fromkeys(name for manifest in manifests for name in manifest.metrics)),
        history=sorted(moves, key=lambda move: move.at, reverse=True)[:_MOVES],
    )


@router.get("/tasks/{task}/versions/{version}")
def get_version(task: TaskPath, version: str, session: Asking, parts: Parts) -> models.VersionAnswer:
    """All of a version: its report, its proof, and the devices that have it."""
    listing = _listing(session, task)
    found = _version(listing, version)
    manifest = _manifest(parts, session, found)
    evaluation = _evaluation(parts, session, manifest)
    files = manifest.files
    card = "report/model_card.md"
    return models.VersionAnswer(
        **catalogue.version_line(found, manifest, listing.environments).model_dump(),
        task=task,
        input_kind=manifest.input.kind,
        labels=list(manifest.labels),
        model_card=_blob(parts, session, manifest, card).decode("utf-8", "replace") if card in files else "",
        plots=catalogue.plots(manifest, f"/api/v1/tasks/{task}/versions/{version}/files/"),
        per_class=catalogue.per_class(evaluation),
        confusion=catalogue.confusion(evaluation),
        lineage=catalogue.lineage(manifest),
        signature=catalogue.signature(found),
        variants=[
            models.VariantLine(name=each.name, runtime=each.runtime, bytes=files[each.file].size)
            for each in manifest.variants
        ],
        devices=catalogue.devices_with(session.clients.fleet.list_devices(task=task), task, version),
        thresholds=dict(manifest.decision.thresholds),
    )


@router.get("/tasks/{task}/versions/{version}/files/{path:path}", response_class=Response)
def get_file(task: TaskPath, version: str, path: str, session: Asking, parts: Parts) -> Response:
    """A picture or text of the report."""
    manifest = _manifest(parts, session, _version(_listing(session, task), version))
    kind = _TYPES.get(path.rpartition(".")[2])
    if kind is None or f"report/{path}" not in manifest.files:
        raise NotFound(f"the report of {version} has no file {path[:100]!r}; the version's plots name those it has")
    return Response(_blob(parts, session, manifest, f"report/{path}"), media_type=kind)


@router.get("/tasks/{task}/compare")
def compare_versions(
    task: TaskPath, a: Annotated[str, Query()], b: Annotated[str, Query()], session: Asking, parts: Parts
) -> models.Comparison:
    """What b has otherwise than a."""
    listing = _listing(session, task)
    first, second = (_manifest(parts, session, _version(listing, version)) for version in (a, b))
    evaluations = _evaluation(parts, session, first), _evaluation(parts, session, second)
    latency = _by_board(parts, session, task, a, b) or _by_arm(session, task, a, b)
    return compare(first, second, evaluations, latency)


def _by_board(parts: Console, session: Session, task: str, a: str, b: str) -> list[models.LatencyPair]:
    if parts.prometheus is None:
        return []
    boards = {device.device_id: device.board or "unknown" for device in session.clients.fleet.list_devices(task=task)}
    try:
        return latency_by_board(parts.prometheus, boards, task, a, b)
    except Unavailable:
        return []


def _by_arm(session: Session, task: str, a: str, b: str) -> list[models.LatencyPair]:
    fleet = session.clients.fleet
    between = [each for each in fleet.list_rollouts(task) if {each.from_version, each.to_version} == {a, b}]
    views = (fleet.get_rollout(each.task, each.environment, each.id) for each in between[:_COMPARED_ROLLOUTS])
    return latency_of_arms(views, a)


def _listing(session: Session, task: str) -> Listing:
    session.check_task(task)
    listing = session.clients.registry.list_versions(task)
    if not listing.versions:
        raise NotFound(f"the registry has no version of {task}; pipit publish sends one")
    return listing


def _version(listing: Listing, version: str) -> Version:
    for each in listing.versions:
        if each.version == version:
            return each
    raise NotFound(f"{listing.versions[0].task} has no version {version[:50]!r}; pipit models lists those it has")


def _manifest(parts: Console, session: Session, version: Version) -> Manifest:
    return parts.upstream.manifest(session.clients, version.task, version.version, version.digest)


def _blob(parts: Console, session: Session, manifest: Manifest, path: str) -> bytes:
    return parts.upstream.blob(session.clients, manifest.files[path].sha256)


def _evaluation(parts: Console, session: Session, manifest: Manifest) -> dict[str, Any]:
    path = "report/evaluation.json"
    if path not in manifest.files:
        return {}
    document = json.loads(_blob(parts, session, manifest, path))
    return document if isinstance(document, dict) else {}
