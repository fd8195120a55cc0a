"""The first screen."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from pipit.errors import Unavailable
from pipit.fleet.types import Rollout

from pipit_console import catalogue
from pipit_console.access import Asking, Console, Parts
from pipit_console.measures import Measures, measure
from pipit_console.models.fleet import Overview, Tile, WaitingQueue
from pipit_console.overview import attention, environments_of, tile
from pipit_console.past import moves_of
from pipit_console.sessions import Session

router = APIRouter(tags=["overview"])
_MOVES = 12


@router.get("/overview")
def overview(session: Asking, parts: Parts, environment: str = "") -> Overview:
    """A tile a task, and what needs somebody first. environment: empty for the one that is shown first."""
    wanted = environment or parts.settings.environment
    listing = session.clients.registry.list_versions()
    fleet = session.clients.fleet
    devices = fleet.list_devices(wanted)
    rollouts = [each for each in fleet.list_rollouts(environment=wanted) if session.may_ask(each.task)]
    measures, prometheus = _measures(parts)
    pointed = {each.task: each for each in listing.environments if each.name == wanted}
    tiles: list[Tile] = []
    for task in sorted({version.task for version in listing.versions if session.may_ask(version.task)}):
        pointer = pointed.get(task)
        known = [each for each in listing.versions if each.task == task]
        shown = next((each for each in known if pointer and each.version == pointer.version), known[0])
        manifest = parts.upstream.manifest(session.clients, task, shown.version, shown.digest)
        tiles.append(
            tile(
                task,
                manifest.input.kind,
                manifest.expected.latency_budget_ms,
                pointer,
                catalogue.reports_of(devices, task),
                [each for each in rollouts if each.task == task],
                measures,
            )
        )
    queues = _queues(parts, session)
    moves = [move for each in tiles for move in moves_of(session, each.task, wanted)[-_MOVES:]]
    return Overview(
        at=datetime.now(UTC),
        environment=wanted,
        environments=environments_of(listing, wanted),
        tasks=tiles,
        attention=attention(tiles, devices, _newest(rollouts), queues, prometheus),
        rollouts=[each for each in rollouts if each.is_open],
        moves=sorted(moves, key=lambda move: move.at, reverse=True)[:_MOVES],
        label_queues=queues,
        prometheus=prometheus,
    )


def _newest(rollouts: list[Rollout]) -> list[Rollout]:
    """The last one of each task: what an older one said has been acted on."""
    return list({each.task: each for each in reversed(rollouts)}.values())


def _measures(parts: Console) -> tuple[Measures, str]:
    if parts.prometheus is None:
        return Measures(), "none"
    try:
        return measure(parts.prometheus), "ok"
    except Unavailable as error:
        return Measures(), f"away: {error}"


def _queues(parts: Console, session: Session) -> list[WaitingQueue]:
    return [
        WaitingQueue(task=each.task, waiting=each.waiting, disagreements=each.disagreements)
        for each in parts.pools.tasks_of(session)
    ]
