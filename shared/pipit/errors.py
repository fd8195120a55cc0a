"""Every error that Pipit raises on purpose, and the gRPC status each one becomes.

    PipitError                      INTERNAL             a constant text and an id; the text stays in the log
    ├── InvalidInput                INVALID_ARGUMENT     can't be decoded, wrong kind, shape, type or value
    ├── InputTooLarge               RESOURCE_EXHAUSTED   over a size limit
    ├── QueueFull                   RESOURCE_EXHAUSTED   more work than the server takes on
    ├── NotFound                    NOT_FOUND            unknown task, version, environment, object
    ├── Unavailable                 UNAVAILABLE          loading, draining, or a server that can't be reached
    ├── AlreadyExists               ALREADY_EXISTS       the version stands with other content
    ├── GatesFailed                 FAILED_PRECONDITION  a promotion that quality gates forbid
    ├── RolloutOpen                 FAILED_PRECONDITION  another rollout of the environment is under way
    ├── Conflict                    ABORTED              a lost race: somebody else wrote first
    ├── IntegrityError              DATA_LOSS            digest or signature does not match
    │   └── UntrustedSignature      DATA_LOSS            nobody who is trusted signed; to try again is of no use
    ├── DeadlineExceeded            DEADLINE_EXCEEDED    time ran out; work not started is dropped
    ├── Unauthenticated             UNAUTHENTICATED      no or wrong credentials
    └── PermissionDenied            PERMISSION_DENIED    known, but not for this role

A message says what is wrong and what to do, and is safe to show to a client.
"""

from __future__ import annotations

from typing import ClassVar


class PipitError(Exception):
    """Base of all of them. `status` is the name of a canonical gRPC status code.

    reason: goes with the status where it has two meanings that a program acts on.
    """

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = ""


class InvalidInput(PipitError):
    """The caller's input can't be used as it is."""

    status = "INVALID_ARGUMENT"


class InputTooLarge(PipitError):
    """The input is over a size limit. To send it again is of no use."""

    status = "RESOURCE_EXHAUSTED"
    reason = "TOO_LARGE"


class QueueFull(PipitError):
    """The server takes on no more work now."""

    status = "RESOURCE_EXHAUSTED"


class NotFound(PipitError):
    """Nothing of that name is here."""

    status = "NOT_FOUND"


class Unavailable(PipitError):
    """Not now: loading, draining, or out of reach. Trying again later may work."""

    status = "UNAVAILABLE"


class AlreadyExists(PipitError):
    """The name is taken by other content."""

    status = "ALREADY_EXISTS"


class GatesFailed(PipitError):
    """The bundle does not pass its quality gates."""

    status = "FAILED_PRECONDITION"


class RolloutOpen(PipitError):
    """Another rollout of the environment is under way."""

    status = "FAILED_PRECONDITION"
    reason = "ROLLOUT_OPEN"


class Conflict(PipitError):
    """Somebody else changed it first; read again and decide anew."""

    status = "ABORTED"


class IntegrityError(PipitError):
    """Content does not match its digest or signature."""

    status = "DATA_LOSS"


class UntrustedSignature(IntegrityError):
    """No key that is trusted signed it, or one that is trusted no more."""

    reason = "SIGNATURE"


class DeadlineExceeded(PipitError):
    """The caller's deadline passed."""

    status = "DEADLINE_EXCEEDED"


class Unauthenticated(PipitError):
    """No credentials, or wrong ones."""

    status = "UNAUTHENTICATED"


class PermissionDenied(PipitError):
    """The credentials are good, but not for this."""

    status = "PERMISSION_DENIED"
