"""What a host is asked for, and one way to it, which another thread may end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from pipit.proving import Overtaken


@dataclass(frozen=True, slots=True)
class Desired:
    """A version that should answer, or be ready to."""

    version: str
    digest: str
    fetch: Callable[[], Path] = field(compare=False)
    """Gives the bundle's directory; may take long."""
    on_active: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once it answers."""
    on_good: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once it has answered for so long that it counts as good here."""
    on_freed: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once the bundle's files are needed no more: refused, proven for later, or freed after another took its
    place."""
    cancel: Callable[[], None] = field(default=lambda: None, compare=False)
    """Ends a `fetch` that is running or comes later, from any thread: the version is wanted no more."""
    renewed: Callable[[], Desired] | None = field(default=None, compare=False)
    """Gives the same once more, which was not cancelled; None: `cancel` ends nothing."""

    def anew(self) -> Desired:
        """The same, to be fetched although this was cancelled."""
        return self if self.renewed is None else self.renewed()


@dataclass(frozen=True, slots=True)
class Part:
    """A device's part in a rollout, beyond the version that it should answer with.

    revision: of the assignment that said so. rollout, stage: empty and 0 while none is open.
    candidate: to be fetched and proven beside what answers. shadow: and kept loaded, to be run beside it.
    standby: digest of the version to go back to, which stays loaded where memory allows; empty: none.
    """

    revision: int = 0
    rollout: str = ""
    stage: int = 0
    candidate: Desired | None = None
    shadow: bool = False
    standby: str = ""


class Purpose(Enum):
    """What becomes of a version at the end of the way."""

    ANSWER = "answer"
    PREFETCH = "prefetch"
    """Proven, and not opened here."""
    SHADOW = "shadow"
    """Opened, and not answering."""


class Attempt:
    """One way to a version, which another thread may end."""

    def __init__(self, desired: Desired, purpose: Purpose = Purpose.ANSWER) -> None:
        self.desired = desired
        self.purpose = purpose
        self.cancelled = threading.Event()
        """It is wanted no more."""
        self.interrupted = threading.Event()
        """Its proof ends: it is wanted no more, or gives way to one that is needed at once."""
        self._now: tuple[str, datetime] = "fetch", datetime.now(UTC)

    def enter(self, step: str) -> None:
        """Raises Overtaken if the way ends here."""
        if self.interrupted.is_set():
            raise Overtaken
        self._now = step, datetime.now(UTC)

    def cancel(self) -> None:
        """Ends it as soon as the step can be ended."""
        self.cancelled.set()
        self.interrupted.set()
        self.desired.cancel()

    def __str__(self) -> str:
        """For people."""
        step, since = self._now
        return f"version {self.desired.version} is at the step {step} since {since:%H:%M:%S} UTC"
