"""The interface of galleries, whoever keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pipit.errors import Conflict, NotFound
from pipit.faces.sealing import SealedPerson
from pipit.galleries.types import DeviceState, Listing, Snapshot, Tombstone
from pipit.rpc.following import Stream

_ATTEMPTS = 8


Changes = Stream[int]
"""Revisions of a gallery as they come, the present one first; a slow reader misses those in between.

The iteration ends when it is closed, and raises Unavailable when whoever sends them goes away.
"""


class Galleries(ABC):
    """Sealed people, by the gallery's name and the person's id.

    Every call raises Unavailable where they can't be reached, and InvalidInput for a name or an id that is none.
    A gallery needs no making: one that nobody wrote to is empty, at revision 0.
    """

    @abstractmethod
    def list(self, gallery: str) -> Listing:
        """Who is there, without their documents."""

    @abstractmethod
    def get(self, gallery: str, person_id: str, crops: bool = False) -> SealedPerson:
        """One document. crops: whether the pictures come along, where they are kept. Raises NotFound."""

    @abstractmethod
    def put(self, gallery: str, sealed: SealedPerson, expected: int = 0, seen: int | None = None) -> int:
        """Writes a person, whole or not at all; gives the gallery's new revision.

        expected: the revision at which the person was written, as one knows them; 0: somebody new. seen: refuse also
        if anything of the gallery changed since this revision, for example somebody else of that name. Putting the
        same document again changes nothing.
        Raises Conflict for a lost race, NotFound for somebody who was forgotten, InvalidInput for a document that can't
        be right or was sealed with another key than the rest, InputTooLarge and QueueFull over a limit.
        """

    @abstractmethod
    def forget(self, gallery: str, person_id: str) -> Tombstone:
        """Deletes a person's wrapped key and every object of theirs. Again, it gives the tombstone of the first time.

        Raises NotFound for somebody who was never there; Unavailable in the middle: the person can't be read any more,
        call again until it is answered.
        """

    @abstractmethod
    def watch(self, gallery: str) -> Changes:
        """Follows the gallery's revision. Close it."""

    @abstractmethod
    def acknowledge(self, gallery: str, device: str, revision: int) -> None:
        """Says that `device` holds this revision now, and nobody whom it has forgotten."""

    @abstractmethod
    def devices(self, gallery: str) -> tuple[DeviceState, ...]:
        """Every device that ever acknowledged, by name."""

    def snapshot(self, gallery: str) -> Snapshot:
        """Everybody at one revision. Raises Conflict if it changes all the time."""
        for _ in range(_ATTEMPTS):
            listing = self.list(gallery)
            try:
                people = tuple(self.get(gallery, entry.id) for entry in listing.entries)
            except NotFound:
                continue
            if all(sealed.revision == entry.revision for sealed, entry in zip(people, listing.entries, strict=True)):
                return Snapshot(gallery, listing.revision, people)
        raise Conflict(f"gallery {gallery} is being changed by many at once; try again")
