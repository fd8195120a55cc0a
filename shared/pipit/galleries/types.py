"""What can be known of a gallery without its key, as plain data; proto types stay at the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipit.faces.sealing import SealedPerson


@dataclass(frozen=True, slots=True)
class Entry:
    """One person in a listing; see `SealedPerson`. revision: of the gallery, when the person was written last."""

    id: str
    revision: int
    embedders: tuple[tuple[str, int], ...]
    keeps_crops: bool
    key: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Somebody was forgotten: when, and the revision that no longer has them. at: aware."""

    id: str
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """A gallery at one moment. entries: sorted by id. tombstones: oldest first. revision 0: nothing was ever there."""

    gallery: str
    revision: int
    entries: tuple[Entry, ...]
    tombstones: tuple[Tombstone, ...]

    def lacking(self, embedder: str) -> tuple[str, ...]:
        """Ids of the people who have no template of this embedder."""
        return tuple(entry.id for entry in self.entries if embedder not in dict(entry.embedders))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everybody, sealed and without crops, at one revision."""

    gallery: str
    revision: int
    people: tuple[SealedPerson, ...]


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Up to which revision a device has followed, forgotten people included, and when it said so. at: aware."""

    device: str
    revision: int
    at: datetime
