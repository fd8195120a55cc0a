"""One record of the audit log."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pipit.errors import IntegrityError


class Outcome(StrEnum):
    """How far an action came when the record was written."""

    ASKED = "asked"
    """It was let in, and begins now. One that nothing follows was broken off, and may have been done or not."""
    DONE = "done"
    FAILED = "failed"
    """It was refused, or went wrong; `reason` says why."""


class Record(BaseModel):
    """What was asked or done.

    sequence: from 1 on, without gaps. previous: SHA-256 of the stored bytes of the record before, in hexadecimal; empty
    for the first. of: of an outcome, the number of the record that asked; 0 for that one itself. caller: the name of
    the token. address: whence the call came, as gRPC names it. subject: of the action, as in
    "garden.birds 1.2.0". before, after: what stood there, as the registry saw it when the record was written.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal[1] = 1
    sequence: Annotated[int, Field(ge=1)]
    previous: str
    at: AwareDatetime
    caller: str
    address: str
    action: str
    subject: str
    outcome: Outcome
    of: int = 0
    before: str = ""
    after: str = ""
    reason: str = ""

    def to_bytes(self) -> bytes:
        """JSON, as it is stored."""
        return self.model_dump_json().encode()


def read_record(data: bytes) -> Record:
    """The reverse of `to_bytes`. Raises IntegrityError."""
    try:
        return Record.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityError(f"a record of the audit log can't be read: {error.errors()[0]['msg']}") from error
