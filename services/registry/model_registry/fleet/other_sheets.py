"""The sheets of the other copies, as this one reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.fleet.followed import Followed
from model_registry.fleet.seen import Heard, Watched
from model_registry.fleet.sheet import Sheet, parsed

DAY = 86_400.0
"""Seconds; who was not seen for longer takes part in nothing."""
_ALIVE_SECONDS = 90.0
"""A copy writes three times as often; watches on the sheet of one that does not have ended."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A sheet. at: when its content was written, read_at: when it was read, by our own clock."""

    sheet: Sheet
    at: float
    read_at: float


class OtherSheets:
    """One thread looks; any may ask."""

    def __init__(
        self, store: ObjectStore, own_key: str, now: Callable[[], datetime], clock: Callable[[], float]
    ) -> None:
        """now: an aware time. clock: seconds, by which all that is given away is dated."""
        self._store = store
        self._now = now
        self._clock = clock
        self._followed = Followed(store, layout.FLEET, parsed, lambda one, other: True, lambda key: key != own_key)
        self._read: dict[str, _Read] = {}
        self.complete = False
        """Whether all of them were read once."""

    def __len__(self) -> int:
        return len(self._read)

    @property
    def any_alive(self) -> bool:
        """Whether another copy writes, and so reads."""
        now = self._clock()
        return any(now - read.at < _ALIVE_SECONDS for read in self._read.values())

    def heard(self) -> Iterator[tuple[tuple[str, int], Heard]]:
        """What devices said to other copies, by device and process."""
        now = self._clock()
        for read in self._read.values():
            since = now - read.at
            unheard = since if since < _ALIVE_SECONDS else 0.0
            yield from (record.heard_at(read.at, unheard) for record in read.sheet.heard)

    def watched(self) -> Iterator[tuple[str, Watched]]:
        """What devices watch through other copies, or did, by device."""
        now = self._clock()
        for read in self._read.values():
            alive = now - read.at < _ALIVE_SECONDS
            yield from (record.watched_at(read.at, alive) for record in read.sheet.watched)

    def look(self) -> None:
        """Reads what was written since the last look, and deletes sheets of which nothing counts any more.

        Raises Unavailable.
        """
        first = not self._followed.complete
        changed = set(self._followed.look())
        now, found = self._clock(), {}
        for key, sheet in self._followed.all().items():
            before = self._read.get(key)
            if first:
                age = max(0.0, (self._now() - sheet.written_at).total_seconds())
                found[key] = _Read(sheet, now - age, now)
            else:
                found[key] = _Read(sheet, now, now) if before is None or key in changed else before
            # The date alone proves nothing: a copy that lives writes meanwhile.
            if now - found[key].at > DAY and now - found[key].read_at > _ALIVE_SECONDS:
                self._store.delete(key)
                del found[key]
        self._read = found
        self.complete = True
