"""Who calls: known by a token (`pipit.rpc.auth`), and asked for wherever it matters."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from pipit.errors import PermissionDenied


class Role(StrEnum):
    """What a caller may do."""

    READER = "reader"
    """Ask and download."""
    DEVICE = "device"
    """The same, and say how versions do on a device, and that it has forgotten somebody."""
    PUBLISHER = "publisher"
    """Publish, and what a reader may."""
    OPERATOR = "operator"
    """Promote and roll back, and what a reader may."""
    ENROLLER = "enroller"
    """Say who people are, and what a reader may."""
    LABELLER = "labeller"
    """See what devices kept, say what it is, and what a reader may."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody known."""

    name: str
    roles: frozenset[Role]
    tasks: frozenset[str] | None = None
    """None: all."""
    device: str = ""
    """The one device that the token is for; empty: it is not for one alone."""
    token: str = field(default="", repr=False)
    """SHA-256 of that token of a device's own; empty: it came with none."""

    def may_ask(self, task: str) -> bool:
        """Whether the task is there for this caller."""
        return self.tasks is None or task in self.tasks

    def check_all_tasks(self, what: str) -> None:
        """For what concerns every task. what: it, in a few words. Raises PermissionDenied."""
        if self.tasks is not None:
            raise PermissionDenied(f"{self.name} may ask some tasks only, but {what} for all of them")

    def check_device(self, device: str) -> None:
        """Raises PermissionDenied where the token is for another device."""
        if self.device and device != self.device:
            raise PermissionDenied(
                f"this token is for device {self.device}, and can't speak for {device[:100] or 'none'}; set the "
                "device's id to that, or give it a token of its own (pipit devices add)"
            )

    def check_task(self, task: str) -> None:
        """Raises PermissionDenied."""
        if not self.may_ask(task):
            raise PermissionDenied(
                f"{self.name} may not ask {task[:200]}; whoever runs this server can allow it (tasks, in its file of "
                "tokens)"
            )


ANYBODY = Caller("anonymous", frozenset(Role))
"""Who calls where no tokens are set."""
_calling: ContextVar[Caller] = ContextVar("caller", default=ANYBODY)


def caller() -> Caller:
    """Who made the call that runs here. grpcio keeps a context for each call, from its interceptors to its servicer."""
    return _calling.get()


def calls_here(caller: Caller) -> None:
    """Says who makes the call that runs here."""
    _calling.set(caller)
