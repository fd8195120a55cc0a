"""What the registry knows, as plain data. The service and its clients share these; proto types stay at the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipit.bundle.gates import GateResult as GateResult  # noqa: PLC0414 (given on to the users of `Version`)

Action = Literal["promote", "rollback", "stop"]
"""stop: of a rollout that ended without a move."""


@dataclass(frozen=True, slots=True)
class Version:
    """A published bundle. digest: SHA-256 of its manifest. size: bytes of all its files together.

    signed_by: ids of the keys that signed it, as far as the registry knows them.
    """

    task: str
    version: str
    name: str
    digest: str
    published_at: datetime
    published_by: str
    signed: bool
    gates: tuple[GateResult, ...]
    size: int
    signed_by: tuple[str, ...] = ()

    @property
    def gates_passed(self) -> bool:
        """Whether it may be promoted without an override."""
        return all(gate.passed for gate in self.gates)


@dataclass(frozen=True, slots=True)
class VersionContent:
    """A version with its manifest, byte for byte, and the signatures over it; none: it is not signed."""

    version: Version
    manifest: bytes
    signatures: tuple[bytes, ...]

    @property
    def signature(self) -> bytes:
        """The first one; empty if there is none."""
        return self.signatures[0] if self.signatures else b""


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """created: False if it had been published before with the same content.

    signature_added: it had been, and this signature is new.
    """

    version: Version
    created: bool
    signature_added: bool = False


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """Content that the registry lacks. offset: bytes of it that are there already."""

    digest: str
    offset: int


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """What is left to send. published: nothing, for the version stands with this very content."""

    published: bool
    missing: tuple[MissingBlob, ...]


@dataclass(frozen=True, slots=True)
class PublishProgress:
    """Bytes; `sent` counts what was there before."""

    sent: int
    total: int


@dataclass(frozen=True, slots=True)
class Environment:
    """A name that points to a version. revision: counts the moves; the same number, the same state."""

    task: str
    name: str
    version: str
    digest: str
    revision: int

    @property
    def assignment(self) -> Assignment:
        """What its devices should run."""
        return Assignment(self.task, self.name, self.version, self.digest, self.revision)


@dataclass(frozen=True, slots=True)
class Listing:
    """versions: by task, newest first."""

    versions: tuple[Version, ...]
    environments: tuple[Environment, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """Where the environment points now, and how the version did at the gates."""

    environment: Environment
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A version that a device should have at hand. digest: of its manifest."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which version a device should run. version: empty if none was promoted yet; then digest is empty too.

    rollout, stage: the one that is open, if any. candidate: to be fetched and proven beside what is served; shadow: and
    run beside it. standby: to be kept loaded, for going back at once. pinned: somebody chose it for this device alone.
    """

    task: str
    environment: str
    version: str
    digest: str
    revision: int
    rollout: str = ""
    stage: int = 0
    candidate: Target | None = None
    shadow: bool = False
    standby: Target | None = None
    pinned: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to run."""
        return bool(self.version)

    @property
    def alone(self) -> Assignment:
        """What to run, without what a rollout adds to it."""
        return Assignment(self.task, self.environment, self.version, self.digest, self.revision)


@dataclass(frozen=True, slots=True)
class Move:
    """One change of an environment. at: UTC. from_version: empty for the first."""

    at: datetime
    actor: str
    action: Action
    from_version: str
    to_version: str
    reason: str
    gates_overridden: bool
    revision: int
