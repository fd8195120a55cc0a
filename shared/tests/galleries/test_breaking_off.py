"""Wherever a write breaks off, and in whatever order people are put and forgotten: what is there is whole."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pipit.errors import Conflict, NotFound, Unavailable
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.sealing import GalleryKey, SealedPerson, seal, unseal
from pipit.galleries import StoredGalleries
from pipit.storage import LocalStore

KEY = GalleryKey(bytes(range(32)))
MakeSealed = Callable[..., SealedPerson]
PEOPLE = st.integers(0, 3)
BREAKS = st.none() | st.integers(0, 5)


class Breaking(LocalStore):
    """Away from its n-th write on, until it is mended."""

    left: int | None = None

    def _count(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise Unavailable("away")
            self.left -= 1

    def create(self, key: str, data: Any) -> str:
        self._count()
        return super().create(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        self._count()
        return super().replace(key, data, etag)

    def delete(self, key: str) -> None:
        self._count()
        super().delete(key)


def until_it_works(store: Breaking, call: Callable[[], object]) -> Iterator[int]:
    """Breaks the call at its first write, then at its second, and so on, until it goes through."""
    for writes in range(20):
        store.left = writes
        try:
            call()
        except Unavailable:
            store.left = None
            yield writes
        else:
            store.left = None
            return
    pytest.fail("it never went through")


def test_a_put_that_breaks_off_anywhere_is_whole_or_not_there(tmp_path: Path, make_sealed: MakeSealed) -> None:
    store = Breaking(tmp_path / "store")
    galleries = StoredGalleries(store)
    before = make_sealed(1, keep_crops=True)
    galleries.put("home", before)
    after = make_sealed(1, name="Other", keep_crops=True)

    broken = 0
    for _ in until_it_works(store, lambda: galleries.put("home", after, expected=1)):
        broken += 1
        stands = galleries.get("home", before.id, crops=True)
        assert stands in (dataclasses.replace(before, revision=1), dataclasses.replace(after, revision=2))

    assert broken == 3  # body, crops, index; what leaves may be deleted by whoever comes next
    assert galleries.get("home", before.id, crops=True) == dataclasses.replace(after, revision=2)
    galleries.forget("home", before.id)
    assert list(store.list("galleries/")) == ["galleries/home/gallery.json"]


def test_a_forgetting_that_breaks_off_anywhere_is_finished_by_whoever_comes_next(
    tmp_path: Path, make_sealed: MakeSealed
) -> None:
    for writes in range(4):
        store = Breaking(tmp_path / f"store-{writes}")
        galleries = StoredGalleries(store)
        anna = make_sealed(1, keep_crops=True)
        galleries.put("home", anna)
        store.left = writes
        with pytest.raises(Unavailable):
            galleries.forget("home", anna.id)
        store.left = None

        listing = galleries.list("home")

        if writes == 0:
            assert [entry.id for entry in listing.entries] == [anna.id]
        else:
            assert listing.entries == ()
            assert list(store.list("galleries/")) == ["galleries/home/gallery.json"]
            assert anna.wrapped_key.hex().encode() not in store.read("galleries/home/gallery.json").data
        assert galleries.forget("home", anna.id).id == anna.id


class AnyOrder(RuleBasedStateMachine):
    """The model: the name under which each person stands, and who was forgotten."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = Breaking(self.folder)
        self.galleries = StoredGalleries(self.store)
        self.names: dict[str, str] = {}
        self.forgotten: set[str] = set()
        self.changes = 0

    @rule(number=PEOPLE, crops=st.booleans(), breaks=BREAKS)
    def put(self, number: int, crops: bool, breaks: int | None) -> None:
        self.changes += 1
        identity, name = f"{number:032x}", f"name {self.changes}"
        consent = Consent("x", "2026-11-01T00:00:00Z", "y", keep_crops=crops)
        template = Template(np.ones(4, np.float32), "e", 1.0, "", b"crop" if crops else b"")
        sealed = seal(KEY, "home", Person(identity, name, consent, (template,)))
        entries = {entry.id: entry.revision for entry in self.galleries.list("home").entries}
        self.store.left = breaks
        try:
            self.galleries.put("home", sealed, entries.get(identity, 0))
        except NotFound:
            assert identity in self.forgotten
        except Unavailable:
            self.store.left = None
            if unseal_all(self.galleries).get(identity) == name:
                self.names[identity] = name
        else:
            self.names[identity] = name
        self.store.left = None

    @rule(number=PEOPLE, expected=st.integers(100, 200))
    def put_from_a_wrong_revision(self, number: int, expected: int) -> None:
        identity = f"{number:032x}"
        person = Person(identity, "wrong", Consent("x", "2026-11-01T00:00:00Z", "y"), ())
        try:
            self.galleries.put("home", seal(KEY, "home", person), expected)
        except Conflict:
            return
        except NotFound:
            assert identity in self.forgotten
            return
        raise AssertionError("a lost update")

    @rule(number=PEOPLE, breaks=BREAKS)
    def forget(self, number: int, breaks: int | None) -> None:
        identity = f"{number:032x}"
        self.store.left = breaks
        try:
            self.galleries.forget("home", identity)
        except NotFound:
            assert identity not in self.names
        except Unavailable:
            self.store.left = None
            if identity not in unseal_all(self.galleries):
                self._is_gone(identity)
        else:
            self.store.left = None
            self._is_gone(identity)
            # Nothing that a broken put left anywhere outlives it.
            assert self._objects() == self._referred()
        self.store.left = None

    def _is_gone(self, identity: str) -> None:
        if self.names.pop(identity, None) is not None:
            self.forgotten.add(identity)

    @invariant()
    def what_is_there_is_whole(self) -> None:
        assert unseal_all(self.galleries) == self.names
        listing = self.galleries.list("home")
        assert {stone.id for stone in listing.tombstones} == self.forgotten
        assert self._referred() <= self._objects()
        assert not [key for key in self._objects() if key.split("/")[3] in self.forgotten]

    def _objects(self) -> set[str]:
        return set(self.store.list("galleries/home/people/"))

    def _referred(self) -> set[str]:
        index, _ = self.galleries._read("home")
        return {key for identity, entry in index.people.items() for key in entry.keys("home", identity)}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


def unseal_all(galleries: StoredGalleries) -> dict[str, str]:
    found = {}
    for entry in galleries.list("home").entries:
        person = unseal(KEY, "home", galleries.get("home", entry.id, crops=True))
        assert bool(person.templates[0].crop) == entry.keeps_crops
        found[entry.id] = person.name
    return found


AnyOrder.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestAnyOrder = AnyOrder.TestCase
