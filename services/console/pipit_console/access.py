"""What routes ask for: the console's parts, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from pipit.types import TASK_NAME

from pipit_console.contents import Contents
from pipit_console.pools import Pools
from pipit_console.prometheus import Prometheus
from pipit_console.security import session_of
from pipit_console.sessions import FailedSignIns, Session, Sessions
from pipit_console.settings import ConsoleSettings
from pipit_console.upstream import Upstream


@dataclass(frozen=True, slots=True, eq=False)
class Console:
    """The parts of one console. prometheus: None: there is none."""

    settings: ConsoleSettings
    upstream: Upstream
    sessions: Sessions
    failures: FailedSignIns
    prometheus: Prometheus | None
    pools: Pools
    contents: Contents


async def console_of(request: Request) -> Console:
    """Of the app that answers."""
    console: Console = request.app.state.console
    return console


async def who_asks(request: Request) -> Session:
    """Raises Unauthenticated."""
    session = (await console_of(request)).sessions.get(session_of(request.headers))
    request.state.session = session
    return session


def who_labels(task: TaskPath, session: Asking, parts: Parts) -> Session:
    """Raises Unauthenticated, PermissionDenied."""
    parts.sessions.check(session)
    session.check_label(task)
    return session


TaskPath = Annotated[str, Path(pattern=TASK_NAME)]
Parts = Annotated[Console, Depends(console_of)]
Asking = Annotated[Session, Depends(who_asks)]
Labelling = Annotated[Session, Depends(who_labels)]
"""Somebody who may see and label the examples of the route's task."""
