"""A device follows a gallery: whoever is in it can be named here, and whoever was forgotten is gone from here.

disk ──────────────┐
                   v
registry ──> sealed people ──key──> people ──consents, clock──> Gallery ──> on_gallery ──> acknowledge
                   │
                   └──> disk: the forgotten are removed first, what changed is written next

The clock is looked at again and again, so that a consent ends on time though nothing was changed. No log line holds a
name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from pipit.errors import IntegrityError, NotFound, Unavailable
from pipit.faces.consents import standing
from pipit.faces.gallery import Gallery, Person
from pipit.faces.sealing import GalleryKey, SealedPerson
from pipit.galleries.base import Galleries
from pipit.galleries.cache import GalleryCache
from pipit.galleries.opening import OpenedPeople
from pipit.logging import get_logger
from pipit.rpc.following import Following

_log = get_logger("galleries.follower")


class GalleryFollower:
    """Calls `on_gallery` with everybody who may be named now, at the start and after each change; never twice at once.

    What the callback raises is logged without its text, and the gallery is given again later.
    """

    def __init__(
        self,
        galleries: Galleries,
        gallery: str,
        key: GalleryKey,
        device: str,
        on_gallery: Callable[[Gallery], None],
        cache: GalleryCache | None = None,
        first_pause: float = 0.5,
        longest_pause: float = 30.0,
        look_seconds: float = 30.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """cache: None where `galleries` lie on this disk. first_pause, longest_pause: seconds until one asks again.

        look_seconds: longest time between two looks at the clock, which may be set at any moment. now: an aware time.
        `galleries` are not closed here.
        """
        self._galleries = galleries
        self._name = gallery
        self._device = device
        self._on_gallery = on_gallery
        self._cache = cache
        self._look_seconds = look_seconds
        self._now = now
        self._people: dict[str, SealedPerson] = {}
        self._arrived: dict[str, SealedPerson] = {}
        self._revision: int | None = None
        self._opened = OpenedPeople(gallery, key)
        self._given: tuple[int, tuple[Person, ...]] | None = None
        self._doubted = False
        self._next_end: datetime | None = None
        self._giving = threading.Lock()
        self._stopped = threading.Event()
        self._changed = threading.Event()
        self._following = Following(
            lambda: galleries.watch(gallery), self._follow, "gallery-follower", first_pause, longest_pause
        )
        self._clock = threading.Thread(target=self._run, name="gallery-clock", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the gallery can be reached now."""
        return self._following.connected

    @property
    def revision(self) -> int | None:
        """What is held completely; None: nothing yet."""
        return self._revision

    @property
    def problem(self) -> str:
        """Why somebody can't be named, with what to do, for example another key; empty: no problem. Names nobody."""
        return self._opened.problem

    def start(self) -> None:
        """Begins, with what the disk holds; once."""
        self._clock.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Ends, after a callback that runs now. May be called again, and before `start`. Gives whether it has ended.

        timeout: seconds after which a callback that does not come back is left behind.
        """
        self._stopped.set()
        self._changed.set()
        if self._clock.ident is not None:
            self._clock.join(timeout)
        return self._following.stop(timeout) and not self._clock.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        """What the disk holds; then the clock, for ever."""
        self._guarded(self._remember)
        self._following.start()
        while not self._stopped.is_set():
            self._changed.wait(self._seconds_to_look())
            self._changed.clear()
            if not self._stopped.is_set():
                self._guarded(self._give)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Without the thread of the clock no consent would end."""
        try:
            step()
        except Unavailable as error:
            _log.warning("gallery_not_given", gallery=self._name, reason=str(error))
        except Exception as error:
            _log.error("gallery_not_given", gallery=self._name, reason=type(error).__name__, at=_place(error))

    def _seconds_to_look(self) -> float:
        if self._next_end is None:
            return self._look_seconds
        return min(self._look_seconds, max(0.0, (self._next_end - self._now()).total_seconds()))

    def _remember(self) -> None:
        if self._cache is None:
            return
        kept = self._cache.read()
        people = {sealed.id: sealed for sealed in kept.people}
        with self._giving:
            self._opened.open(people.values())
            damaged = self._opened.damaged
            self._people = {identity: sealed for identity, sealed in people.items() if identity not in damaged}
            # What is missing here is fetched, although the gallery did not change.
            self._revision = None if damaged else kept.revision
        for identity in damaged:
            self._cache.remove(identity)
        self._give()

    def _follow(self, revision: int) -> None:
        """Makes this device hold what the gallery holds, and says so. Raises Unavailable: to be done again."""
        if revision != self._revision:
            self._take_over()
        else:
            self._give()
        held = self._revision
        if held is not None and not self._stopped.is_set():
            self._galleries.acknowledge(self._name, self._device, held)

    def _take_over(self) -> None:
        listing = self._galleries.list(self._name)
        entries = {entry.id: entry for entry in listing.entries}
        # First, and given whatever comes after: who was forgotten is not named for as long as a download takes.
        gone = [identity for identity in (*self._people, *self._arrived) if identity not in entries]
        for identity in gone:
            if self._cache is not None:
                self._cache.remove(identity)
            self._arrived.pop(identity, None)
        with self._giving:
            self._people = {identity: sealed for identity, sealed in self._people.items() if identity in entries}
        held = {**self._people, **self._arrived}
        missing = [
            entry.id for entry in listing.entries if entry.id not in held or held[entry.id].revision != entry.revision
        ]
        if gone and missing:
            self._give()
        complete = True
        for identity in missing:
            complete = self._fetch(identity) and complete
        # All at once, so that nobody is given half a change.
        with self._giving:
            self._people, self._arrived = {**self._people, **self._arrived}, {}
            self._revision = listing.revision
        if self._cache is not None and complete:
            self._cache.complete(listing.revision)
        self._give()
        _log.info("gallery_followed", gallery=self._name, revision=listing.revision, people=len(listing.entries))

    def _fetch(self, person_id: str) -> bool:
        """Whether there is nothing left to do; False: what the store has of them is damaged, they may come later."""
        try:
            sealed = self._galleries.get(self._name, person_id)
        except NotFound:
            return True  # forgotten since; the next revision says so
        except IntegrityError as error:
            _log.error("person_not_fetched", person=person_id, reason=str(error))
            return False
        if self._cache is not None:
            self._cache.write(sealed)
        self._arrived[person_id] = sealed
        return True

    def _give(self) -> None:
        """Gives everybody who may be named now, unless they were given already. Raises Unavailable if that fails."""
        with self._giving:
            if self._stopped.is_set() or (self._revision is None and not self._people):
                return
            found = standing(self._opened.open(self._people.values()), self._now())
            self._doubt(len(found.undecided))
            self._look_again_at(found.next_end)
            gallery = Gallery(self._name, self._revision or 0, found.people)
            # People are compared as objects: whoever was changed was opened anew.
            given = (gallery.revision, found.people)
            if given == self._given:
                return
            try:
                self._on_gallery(gallery)
            except Exception as error:
                # Its text might hold a name.
                _log.error("gallery_refused", gallery=self._name, reason=type(error).__name__, at=_place(error))
                raise Unavailable(f"gallery {self._name} could not be used here; the log says where") from None
            self._given = given
            if found.ended:
                _log.info("consents_ended", gallery=self._name, people=len(found.ended))

    def _doubt(self, people: int) -> None:
        if people and not self._doubted:
            _log.warning(
                "clock_not_believed",
                gallery=self._name,
                left_out=people,
                advice="the clock shows a time before somebody agreed to be known; set it, by NTP for example",
            )
        self._doubted = people > 0

    def _look_again_at(self, end: datetime | None) -> None:
        if end != self._next_end:
            self._next_end = end
            self._changed.set()


def _place(error: BaseException) -> str:
    """Where an error was raised, without what it says."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
