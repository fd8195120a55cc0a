"""Galleries on an object store: a folder of a machine of one's own, or what the registry keeps.

galleries/<name>/gallery.json                    who is there, with their wrapped keys; changed by compare-and-swap
galleries/<name>/people/<id>/<random>.body       name, consent, templates, sealed; written once
galleries/<name>/people/<id>/<random>.crops      pictures for another embedder, sealed; where consent allows them
galleries/<name>/devices/<device>.json           up to which revision a device has followed

put:     body, crops  ->  swap the index  ->  delete what it replaced
forget:  list objects that nobody refers to  ->  swap the index, which drops the wrapped key  ->  delete them

The index is all that counts: what breaks off before its swap has changed nothing, and what breaks off after it is
finished by whoever reads the index next (`leaving`). An object whose put broke off has no key anywhere; the next
forget sweeps it away. Such a sweep may meet a put that is under way and has not swapped yet: it counts itself in the
index, and a put that sees another count than before writes its objects anew, under a name that was not swept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import ValidationError

from pipit.errors import AlreadyExists, Conflict, IntegrityError, NotFound, Unavailable
from pipit.faces.sealing import SealedPerson
from pipit.galleries import index as layout
from pipit.galleries.acknowledgements import Acknowledgements
from pipit.galleries.base import Changes, Galleries
from pipit.galleries.checks import check_put, check_sealed
from pipit.galleries.index import Index, unreadable
from pipit.galleries.polling import PolledChanges
from pipit.galleries.types import DeviceState, Listing, Tombstone
from pipit.storage import ObjectStore

MOST_PEOPLE = 5000
_ATTEMPTS = 16


class _Written(NamedTuple):
    """Objects that a put has written and that the index does not refer to yet."""

    content: str
    keys: tuple[str, ...]
    sweeps: int


class StoredGalleries(Galleries):
    """See the module. Threads, processes and any number of copies of a service may share a store."""

    def __init__(
        self,
        store: ObjectStore,
        most_people: int = MOST_PEOPLE,
        poll_seconds: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """most_people: of one gallery. poll_seconds: how often `watch` looks. now: an aware time."""
        self._store = store
        self._most_people = most_people
        self._poll_seconds = poll_seconds
        self._now = now
        self._acknowledgements = Acknowledgements(store, now)
        # Whoever fetches a thousand people asks for the same index a thousand times.
        self._parsed: dict[str, tuple[Index, str]] = {}

    def names(self) -> tuple[str, ...]:
        """Galleries that somebody wrote to."""
        named = (layout.gallery_of_key(key) for key in self._store.list(layout.GALLERIES))
        return tuple(name for name in named if name is not None)

    def list(self, gallery: str) -> Listing:
        """See Galleries."""
        return self._read(gallery)[0].listing

    def get(self, gallery: str, person_id: str, crops: bool = False) -> SealedPerson:
        """See Galleries."""
        layout.check_person(person_id)
        for _ in range(_ATTEMPTS):
            entry = self._read(gallery)[0].people.get(person_id)
            if entry is None:
                raise _nobody(gallery, person_id)
            try:
                body = self._store.read(layout.body_key(gallery, person_id, entry.content)).data
                wanted = crops and entry.keeps_crops
                sealed_crops = (
                    self._store.read(layout.crops_key(gallery, person_id, entry.content)).data if wanted else b""
                )
            except NotFound:
                if self._read(gallery)[0].people.get(person_id) == entry:
                    raise IntegrityError(
                        f"an object of person {person_id} in gallery {gallery} is missing from the store; restore the "
                        "store from a backup, or forget the person and enrol them again"
                    ) from None
                continue  # replaced or forgotten in between
            return SealedPerson(
                person_id,
                entry.embedders,
                entry.keeps_crops,
                entry.key,
                bytes.fromhex(entry.wrapped_key),
                body,
                sealed_crops,
                entry.revision,
            )
        raise Conflict(f"person {person_id} of gallery {gallery} is being changed by many at once; try again")

    def put(self, gallery: str, sealed: SealedPerson, expected: int = 0, seen: int | None = None) -> int:
        """See Galleries."""
        layout.check_gallery(gallery)
        check_sealed(sealed)
        written: _Written | None = None
        try:
            for _ in range(_ATTEMPTS):
                index, etag = self._read(gallery)
                before = index.people.get(sealed.id)
                if before is not None and before.wrapped_key == sealed.wrapped_key.hex():
                    return before.revision  # this very document: an answer was lost
                check_put(index, sealed, expected, seen, self._most_people)
                if written is None or written.sweeps != index.sweeps:
                    self._delete(written.keys if written else ())
                    written = self._write(gallery, sealed, index.sweeps)
                changed = index.with_person(sealed, written.content)
                try:
                    self._swap(changed, etag)
                except (AlreadyExists, Conflict):
                    continue
                except Unavailable:
                    written = None  # nobody knows whether it was swapped; if not, a later sweep takes them away
                    raise
                written = None
                with suppress(Unavailable):
                    self._tidy(gallery)
                return changed.revision
            raise Conflict(f"gallery {gallery} is being changed by many at once; look again and decide anew")
        finally:
            if written is not None:
                with suppress(Unavailable):
                    self._delete(written.keys)

    def forget(self, gallery: str, person_id: str) -> Tombstone:
        """See Galleries."""
        layout.check_person(person_id)
        for _ in range(_ATTEMPTS):
            index, etag = self._read(gallery)
            if person_id not in index.people:
                stone = index.tombstone(person_id)
                if stone is None:
                    raise _nobody(gallery, person_id)
                return stone
            kept = {
                key
                for identity, entry in index.people.items()
                if identity != person_id
                for key in entry.keys(gallery, identity)
            }
            leaving = tuple(key for key in self._store.list(layout.people_prefix(gallery)) if key not in kept)
            try:
                self._swap(index.without_person(person_id, self._now(), leaving), etag)
            except (AlreadyExists, Conflict):
                continue
            self._tidy(gallery)
        raise Conflict(f"gallery {gallery} is being changed by many at once; forget the person again")

    def watch(self, gallery: str) -> Changes:
        """See Galleries."""
        return PolledChanges(lambda: self.list(gallery).revision, self._poll_seconds)

    def acknowledge(self, gallery: str, device: str, revision: int) -> None:
        """See Galleries."""
        self._acknowledgements.write(gallery, device, revision, self._read(gallery)[0].revision)

    def devices(self, gallery: str) -> tuple[DeviceState, ...]:
        """See Galleries."""
        return self._acknowledgements.all(gallery)

    def _read(self, gallery: str) -> tuple[Index, str | None]:
        """The index, tidied, and its etag; an empty one and None where nothing was written yet."""
        key = layout.index_key(gallery)
        index, etag = self._read_index(gallery, key)
        if index.leaving:
            self._tidy(gallery)
            index, etag = self._read_index(gallery, key)
        return index, etag

    def _read_index(self, gallery: str, key: str) -> tuple[Index, str | None]:
        try:
            stored = self._store.read(key)
        except NotFound:
            return Index(gallery=gallery), None
        before = self._parsed.get(gallery)
        if before is not None and before[1] == stored.etag:
            return before
        try:
            parsed = Index.model_validate_json(stored.data), stored.etag
        except ValidationError:
            # Not pydantic's text, which repeats what it was given.
            raise unreadable(key) from None
        self._parsed[gallery] = parsed
        return parsed

    def _tidy(self, gallery: str) -> None:
        """Deletes what leaves, and then says so in the index."""
        index, etag = self._read_index(gallery, layout.index_key(gallery))
        if index.leaving:
            self._delete(index.leaving)
            # Whoever was quicker has deleted these too, or will find what they left themselves.
            with suppress(AlreadyExists, Conflict, NotFound):
                self._swap(index.model_copy(update={"leaving": ()}), etag)

    def _swap(self, index: Index, etag: str | None) -> None:
        key = layout.index_key(index.gallery)
        if etag is None:
            self._store.create(key, index.to_bytes())
        else:
            self._store.replace(key, index.to_bytes(), etag)

    def _write(self, gallery: str, sealed: SealedPerson, sweeps: int) -> _Written:
        content = secrets.token_hex(16)
        body = layout.body_key(gallery, sealed.id, content)
        self._store.create(body, sealed.body)
        if not sealed.keeps_crops:
            return _Written(content, (body,), sweeps)
        crops = layout.crops_key(gallery, sealed.id, content)
        self._store.create(crops, sealed.crops)
        return _Written(content, (body, crops), sweeps)

    def _delete(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self._store.delete(key)


def _nobody(gallery: str, person_id: str) -> NotFound:
    return NotFound(f"gallery {gallery} has nobody with the id {person_id}; `pipit faces list` shows who is there")
