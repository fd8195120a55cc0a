"""The chain of the audit log: each record holds the digest of the one before, so that none can be changed or left out.

Whoever can write to the store could still write all of the chain anew, or cut off its end. Against that, note down the
digest of the last record now and then, somewhere else: `pipit audit` prints it, and `--expect` looks for it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipit.audit.record import Record, read_record
from pipit.errors import IntegrityError
from pipit.files import sha256_bytes

FIRST = ""
"""What stands in the first record in place of a digest."""


def digest_of(data: bytes) -> str:
    """Of a record's stored bytes, in hexadecimal."""
    return sha256_bytes(data)


@dataclass(slots=True)
class Chain:
    """Reads records in their order, and holds on to where it is."""

    sequence: int = 0
    """Of the last record that was read."""
    digest: str | None = FIRST
    """Of that record; None: whatever the next one names is believed, as where reading begins in the middle."""

    def check(self, records: Iterable[bytes]) -> Iterator[Record]:
        """Gives each record. Raises IntegrityError that names the first one that is not what it has to be."""
        for data in records:
            record = read_record(data)
            if record.sequence != self.sequence + 1:
                raise IntegrityError(
                    f"record {self.sequence + 1} of the audit log is missing: {record.sequence} is next"
                )
            if self.digest is not None and record.previous != self.digest:
                raise IntegrityError(
                    f"record {self.sequence} of the audit log was changed: its digest is {self.digest[:12] or 'none'}, "
                    f"and record {record.sequence} was written after {record.previous[:12] or 'none'}"
                )
            self.sequence, self.digest = record.sequence, digest_of(data)
            yield record
