"""Opens the people of a gallery, each once, and says who can't be opened; never by name."""

from __future__ import annotations

from collections.abc import Iterable

from pipit.errors import IntegrityError, InvalidInput
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, SealedPerson, check_key, unseal
from pipit.logging import get_logger

_log = get_logger("galleries.opening")


class OpenedPeople:
    """For one thread at a time. Whoever is not in the newest call is forgotten here too."""

    def __init__(self, gallery: str, key: GalleryKey) -> None:
        self._gallery = gallery
        self._key = key
        self._opened: dict[bytes, Person] = {}
        self._refused: dict[bytes, str] = {}
        self.damaged: frozenset[str] = frozenset()
        """Ids of those of the newest call whose documents do not open with any key."""

    @property
    def problem(self) -> str:
        """Why somebody was left out, with what to do; empty: nobody was. Names nobody."""
        return next(iter(self._refused.values()), "")

    def open(self, people: Iterable[SealedPerson]) -> tuple[Person, ...]:
        """Those who can be opened; why others can't is logged once for each document."""
        opened: dict[bytes, Person] = {}
        refused: dict[bytes, str] = {}
        reasons = set(self._refused.values())
        damaged = set()
        for sealed in people:
            try:
                check_key(self._key, self._gallery, sealed)
                before = self._opened.get(sealed.wrapped_key)
                opened[sealed.wrapped_key] = before or unseal(self._key, self._gallery, sealed)
            except (IntegrityError, InvalidInput) as error:
                refused[sealed.wrapped_key] = str(error)
                if isinstance(error, IntegrityError):
                    damaged.add(sealed.id)
                if str(error) not in reasons:
                    reasons.add(str(error))
                    _log.error("person_not_opened", person=sealed.id, reason=str(error))
        self._opened, self._refused, self.damaged = opened, refused, frozenset(damaged)
        return tuple(opened.values())
