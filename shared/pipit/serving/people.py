"""Everybody of one gallery, opened; and changes of it, each one write that stands whole or not at all.

read ──> find the person ──> judge the pictures ──> seal ──> put, if nothing changed meanwhile
  └──────────────────── somebody else was first: once more ──────┘
"""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from pipit.errors import Conflict, IntegrityError, InvalidInput, NotFound
from pipit.faces.enrolment import judge
from pipit.faces.gallery import Consent, Gallery, Person, Template
from pipit.faces.likeness import Likeness
from pipit.faces.quality import QualityLimits
from pipit.faces.sealing import GalleryKey, SealedPerson, seal, unseal
from pipit.faces.verdicts import Picture, Report
from pipit.galleries import Galleries

ATTEMPTS = 4
"""Of a change that others get ahead of."""
_ID_BYTES = 16
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, eq=False)
class Everybody:
    """A gallery at one moment. revisions: at which each person was written, by id."""

    gallery: Gallery
    revisions: dict[str, int]

    def find(self, who: str) -> Person:
        """By id, or by a name that only one has. Raises NotFound, InvalidInput for a name that several have."""
        for person in self.gallery.people:
            if person.id == who:
                return person
        named = self.named(who)
        if not named:
            raise NotFound(f"nobody is called {who[:100]!r}; `pipit faces list` shows who is known")
        if len(named) > 1:
            ids = ", ".join(person.id for person in named)
            raise InvalidInput(f"{len(named)} people are called {who[:100]!r}; give the id instead of the name: {ids}")
        return named[0]

    def named(self, name: str) -> list[Person]:
        """Everybody of that name."""
        name = unicodedata.normalize("NFC", name)
        return [person for person in self.gallery.people if person.name == name]


@dataclass(frozen=True, slots=True)
class Whom:
    """Who is to be enrolled. person_id: "" for whoever has the name, else somebody new.

    another: somebody new although the name is taken. largest: take the largest of several faces.
    """

    name: str
    person_id: str = ""
    another: bool = False
    largest: bool = False

    def find(self, everybody: Everybody) -> Person | None:
        """Who the pictures are added to; None: somebody new. Raises NotFound, InvalidInput."""
        if self.person_id:
            return everybody.find(self.person_id)
        if self.another or not self.name or not everybody.named(self.name):
            return None
        return everybody.find(self.name)


@dataclass(frozen=True, slots=True)
class Measure:
    """What pictures are judged by: digest of the embedder, and the bundle's limits."""

    embedder: str
    limits: QualityLimits
    likeness: Likeness


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """A person as written, without crops. revision: of the gallery."""

    person: Person
    revision: int


class People:
    """See the module. For any thread. Nobody is opened twice who did not change."""

    def __init__(self, name: str, key: GalleryKey) -> None:
        """name: of the gallery. key: opens it."""
        self.name = name
        self._key = key
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[int, Person]] = {}
        self._forgotten = 0
        """How often somebody may have been forgotten."""

    def read(self, galleries: Galleries) -> Everybody:
        """Everybody now, without crops. Raises Unavailable, InvalidInput for a gallery of another key, Conflict."""
        for _ in range(ATTEMPTS):
            with self._lock:
                opened, forgotten = dict(self._opened), self._forgotten
            listing = galleries.list(self.name)
            now: dict[str, tuple[int, Person]] = {}
            try:
                for entry in listing.entries:
                    before = opened.get(entry.id)
                    if before is None or before[0] != entry.revision:
                        sealed = galleries.get(self.name, entry.id)
                        before = (sealed.revision, self._open(sealed))
                    now[entry.id] = before
            except NotFound:
                continue
            with self._lock:
                # Whoever was forgotten is forgotten here, too: also who was so while this was read.
                if forgotten == self._forgotten:
                    self._opened = now
            if all(now[entry.id][0] == entry.revision for entry in listing.entries):
                gallery = Gallery(self.name, listing.revision, tuple(person for _, person in now.values()))
                return Everybody(gallery, {identity: revision for identity, (revision, _) in now.items()})
        raise Conflict(f"gallery {self.name} is being changed by many at once; try again")

    def forget_others(self, ids: Collection[str]) -> None:
        """Keeps nobody in memory but these, as the gallery that is followed names them."""
        with self._lock:
            self._forgotten += 1
            self._opened = {identity: kept for identity, kept in self._opened.items() if identity in ids}

    def enrol(
        self,
        galleries: Galleries,
        pictures: Sequence[Picture],
        whom: Whom,
        consent: Consent,
        measure: Measure,
        judged: Callable[[Report], None],
    ) -> Changed:
        """Makes a person known, or adds pictures to one.

        judged: is told what is said of the pictures, before anything is written. The newest consent holds for all.
        Raises InvalidInput if no picture can be used, Conflict if others always were first, and what galleries raise.
        """

        def change(everybody: Everybody) -> tuple[Person, int | None]:
            before = whom.find(everybody)
            report = judge(
                pictures,
                everybody.gallery,
                before,
                measure.embedder,
                measure.limits,
                measure.likeness,
                largest=whom.largest,
            )
            judged(report)
            templates = report.templates(measure.embedder, consent.keep_crops)
            if before is None:
                # Nobody else of the name may come meanwhile, or nobody would know which of the two was meant.
                person = Person(secrets.token_hex(_ID_BYTES), whom.name, consent, templates)
                return person, everybody.gallery.revision
            whole = self._whole(galleries, before.id)
            kept = [*whole.templates, *templates]
            return replace(whole, consent=consent, templates=_kept(kept, consent)), None

        return self._change(galleries, change)

    def change_person(self, galleries: Galleries, who: str, change: Callable[[Person], Person]) -> Changed:
        """Writes what `change` makes of a person, whom it gets with their crops. Raises as `enrol`."""

        def changed(everybody: Everybody) -> tuple[Person, int | None]:
            return change(self._whole(galleries, everybody.find(who).id)), None

        return self._change(galleries, changed)

    def forget(self, galleries: Galleries, who: str) -> tuple[Person, int]:
        """Deletes a person; gives who it was, and the gallery's revision, which each device has to follow to.

        By id also somebody who can't be opened, or was forgotten already: then nothing but the id is known.
        """
        try:
            person = self.read(galleries).find(who)
        except (NotFound, InvalidInput, IntegrityError):
            if not _ID.fullmatch(who):
                raise
            person = Person(who, "", Consent("", "", ""), ())
        stone = galleries.forget(self.name, person.id)
        with self._lock:
            self._forgotten += 1
            self._opened.pop(person.id, None)
        return person, stone.revision

    def whole(self, galleries: Galleries, who: str) -> tuple[Person, int]:
        """A person with everything that is held, crops too; and the gallery's revision."""
        everybody = self.read(galleries)
        return self._whole(galleries, everybody.find(who).id), everybody.gallery.revision

    def _whole(self, galleries: Galleries, person_id: str) -> Person:
        return self._open(galleries.get(self.name, person_id, crops=True))

    def _open(self, sealed: SealedPerson) -> Person:
        return unseal(self._key, self.name, sealed)

    def _change(self, galleries: Galleries, change: Callable[[Everybody], tuple[Person, int | None]]) -> Changed:
        """change: gives the person to write, and the revision that the whole gallery must still have, if any."""
        for _ in range(ATTEMPTS):
            everybody = self.read(galleries)
            person, seen = change(everybody)
            sealed = seal(self._key, self.name, person)
            try:
                revision = galleries.put(self.name, sealed, everybody.revisions.get(person.id, 0), seen)
            except Conflict:
                continue
            return Changed(person, revision)
        raise Conflict(
            f"gallery {self.name} was changed by somebody else at the same moment, {ATTEMPTS} times; nothing was "
            "written, do it again"
        )


def _kept(templates: Sequence[Template], consent: Consent) -> tuple[Template, ...]:
    return tuple(templates if consent.keep_crops else [replace(template, crop=b"") for template in templates])
