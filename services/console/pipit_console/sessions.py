"""Who is signed in: in this process's memory alone. A browser has a random id, and never the token.

sign in ──> session ──idle too long, one too many, signed out, token no longer known──> gone
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from pipit.errors import DeadlineExceeded, PermissionDenied, QueueFull, Unauthenticated, Unavailable
from pipit.rpc.callers import Role

from pipit_console.upstream import Clients

COOKIE = "pipit_session"
_LABEL_ROLES = frozenset({Role.LABELLER, Role.OPERATOR})
CHECK_SECONDS = 30.0
"""How long somebody may go on after the registry has forgotten the token, or taken a role or a task from it."""
_FAILURES = 10
_FAILURE_SECONDS = 60.0
_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """Somebody signed in. tasks: the only ones that they may ask; None: all. clients: with their own token."""

    id: str
    csrf: str
    name: str
    registry_roles: frozenset[Role]
    tasks: frozenset[str] | None
    anonymous: bool
    clients: Clients = field(repr=False)

    @property
    def roles(self) -> list[str]:
        """As the page knows them."""
        return [
            "viewer",
            *(["labeller"] if self.may_label else []),
            *(["operator"] if Role.OPERATOR in self.registry_roles else []),
        ]

    @property
    def may_label(self) -> bool:
        """Whether what devices kept is there for this person."""
        return bool(self.registry_roles & _LABEL_ROLES)

    def may_ask(self, task: str) -> bool:
        """Whether the task is there for this person."""
        return self.tasks is None or task in self.tasks

    def check_task(self, task: str) -> None:
        """Raises PermissionDenied."""
        if not self.may_ask(task):
            raise PermissionDenied(
                f"{self.name} may not ask {task[:200]}; whoever runs the registry can allow it (tasks, in its file of "
                "tokens)"
            )

    def check_label(self, task: str) -> None:
        """For what this process answers of its own index. Raises PermissionDenied."""
        if not self.may_label:
            raise PermissionDenied(f"{self.name} may not see what devices kept: it needs the role labeller or operator")
        self.check_task(task)


class Sessions:
    """Threads share it."""

    def __init__(self, most: int, idle_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._idle = idle_seconds
        self._clock = clock
        self._lock = threading.Lock()
        # In the order of their last request.
        self._open: OrderedDict[str, tuple[Session, float]] = OrderedDict()
        self._checked: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(
        self,
        name: str,
        roles: frozenset[Role],
        tasks: frozenset[str] | None,
        clients: Clients,
        *,
        anonymous: bool,
    ) -> Session:
        """A new one; where there are too many, who was idle longest is signed out."""
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), name, roles, tasks, anonymous, clients)
        with self._lock:
            self._drop_idle()
            while len(self._open) >= self._most:
                self._close(next(iter(self._open)))
            self._open[session.id] = session, self._clock()
            self._checked[session.id] = self._clock()
        return session

    def get(self, identity: str) -> Session:
        """Raises Unauthenticated."""
        with self._lock:
            self._drop_idle()
            found = self._open.get(identity)
            if found is None:
                raise Unauthenticated("nobody is signed in here, or not any more; sign in")
            self._open[identity] = found[0], self._clock()
            self._open.move_to_end(identity)
        return found[0]

    def check(self, session: Session) -> None:
        """Asks the registry at times whether the token counts still, and for the same. Raises Unauthenticated.

        What is answered of indexes here would not find out.
        """
        with self._lock:
            is_due = self._clock() - self._checked.get(session.id, -CHECK_SECONDS) >= CHECK_SECONDS
            if not is_due or session.id not in self._open:
                return
            self._checked[session.id] = self._clock()
        try:
            caller = session.clients.registry.who_am_i()
        except (Unavailable, DeadlineExceeded):
            # Labelling goes on while the registry is away.
            return
        if (caller.roles, caller.tasks) != (session.registry_roles, session.tasks):
            self.end(session.id)
            raise Unauthenticated("what you may do here has changed; sign in again")

    def newest(self) -> tuple[Session, ...]:
        """All, who asked last first."""
        with self._lock:
            return tuple(session for session, _ in reversed(self._open.values()))

    def end(self, identity: str) -> None:
        """Signs out; nothing happens where nobody is."""
        with self._lock:
            self._close(identity)

    def close(self) -> None:
        """Signs everybody out."""
        with self._lock:
            for identity in list(self._open):
                self._close(identity)

    def _drop_idle(self) -> None:
        late = self._clock() - self._idle
        while self._open and next(iter(self._open.values()))[1] < late:
            self._close(next(iter(self._open)))

    def _close(self, identity: str) -> None:
        found = self._open.pop(identity, None)
        self._checked.pop(identity, None)
        if found is not None:
            found[0].clients.close()


class FailedSignIns:
    """Few a minute from one address: a token can't be found by trying. Threads share it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises QueueFull where too many have failed."""
        with self._lock:
            if len(self._recent(address)) >= _FAILURES:
                raise QueueFull("too many sign-ins have failed from there; wait a minute, and look at the token")

    def failed(self, address: str) -> None:
        """One more."""
        with self._lock:
            self._failures[address] = [*self._recent(address), self._clock()]
            self._failures.move_to_end(address)
            while len(self._failures) > _MOST_ADDRESSES:
                self._failures.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        late = self._clock() - _FAILURE_SECONDS
        return [at for at in self._failures.get(address, ()) if at > late]
