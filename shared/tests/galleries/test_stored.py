"""Galleries in a folder: nothing lost, nothing half, and forgotten for good."""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipit.errors import Conflict, InputTooLarge, IntegrityError, InvalidInput, NotFound, QueueFull
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, SealedPerson, seal, unseal
from pipit.galleries import StoredGalleries
from pipit.storage import LocalStore

KEY = GalleryKey(bytes(range(32)))
NOW = datetime(2026, 11, 28, tzinfo=UTC)
MakeSealed = Callable[..., SealedPerson]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def galleries(store: LocalStore) -> StoredGalleries:
    return StoredGalleries(store, now=lambda: NOW)


def objects(store: LocalStore, kind: str = "") -> list[str]:
    return [key for key in store.list("galleries/") if key.endswith(kind)]


def test_what_was_put_comes_back(galleries: StoredGalleries, make_sealed: MakeSealed) -> None:
    anna, ben = make_sealed(1), make_sealed(2, keep_crops=True)

    assert galleries.list("home").revision == 0
    assert galleries.put("home", anna) == 1
    assert galleries.put("home", ben) == 2

    snapshot = galleries.snapshot("home")
    assert snapshot.revision == 2
    assert snapshot.people == (
        dataclasses.replace(anna, revision=1),
        dataclasses.replace(ben, revision=2, crops=b""),
    )
    assert galleries.get("home", ben.id, crops=True) == dataclasses.replace(ben, revision=2)
    assert [(entry.revision, entry.embedders, entry.keeps_crops) for entry in galleries.list("home").entries] == [
        (1, (("embedder-1", 3),), False),
        (2, (("embedder-1", 3),), True),
    ]
    assert galleries.names() == ("home",)
    assert galleries.list("office").entries == ()


def test_a_change_needs_the_revision_that_it_changes(
    galleries: StoredGalleries, store: LocalStore, make_sealed: MakeSealed
) -> None:
    galleries.put("home", make_sealed(1))
    galleries.put("home", make_sealed(2))

    for expected in (0, 2):
        with pytest.raises(Conflict, match=f"written at revision 1, not {expected}"):
            galleries.put("home", make_sealed(1, name="Other"), expected=expected)
    with pytest.raises(Conflict, match="at revision 2, not 1"):
        galleries.put("home", make_sealed(3), seen=1)
    assert galleries.put("home", make_sealed(1, name="Other"), expected=1, seen=2) == 3

    assert unseal(KEY, "home", galleries.get("home", f"{1:032x}")).name == "Other"
    assert len(objects(store, ".body")) == 2  # what was replaced is gone, and what lost too


def test_the_same_document_again_changes_nothing(galleries: StoredGalleries, make_sealed: MakeSealed) -> None:
    anna = make_sealed(1)
    galleries.put("home", anna)
    galleries.put("home", make_sealed(2))

    assert galleries.put("home", anna) == 1
    assert galleries.list("home").revision == 2


def test_racing_enrolments_of_different_people_all_stand(store: LocalStore, make_sealed: MakeSealed) -> None:
    gate = threading.Barrier(6)

    def enrol(number: int) -> None:
        gate.wait()
        StoredGalleries(store).put("home", make_sealed(number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(enrol, range(6)))

    listing = StoredGalleries(store).list("home")
    assert listing.revision == 6
    assert sorted(entry.revision for entry in listing.entries) == [1, 2, 3, 4, 5, 6]
    assert len(StoredGalleries(store).snapshot("home").people) == 6


def test_of_racing_changes_of_one_person_one_stands(store: LocalStore, make_sealed: MakeSealed) -> None:
    StoredGalleries(store).put("home", make_sealed(1))
    gate = threading.Barrier(6)

    def change(number: int) -> str:
        sealed = make_sealed(1, name=f"name {number}")
        gate.wait()
        try:
            StoredGalleries(store).put("home", sealed, expected=1)
        except Conflict:
            return ""
        return f"name {number}"

    with ThreadPoolExecutor(6) as pool:
        winners = [name for name in pool.map(change, range(6)) if name]

    assert len(winners) == 1
    assert unseal(KEY, "home", StoredGalleries(store).get("home", f"{1:032x}")).name == winners[0]
    assert len(objects(store, ".body")) == 1


def test_a_gallery_has_one_key(
    galleries: StoredGalleries, store: LocalStore, make_person: Callable[..., Person]
) -> None:
    other = GalleryKey.generate()
    galleries.put("home", seal(KEY, "home", make_person(1)))

    with pytest.raises(InvalidInput, match=f"sealed with the key {KEY.id}, not {other.id}; copy the key's file"):
        galleries.put("home", seal(other, "home", make_person(2)))
    assert galleries.put("home", seal(other, "home", make_person(1)), expected=1) == 2  # nobody else is there
    assert len(objects(store, ".body")) == 1


def test_limits_say_what_to_do(store: LocalStore, make_sealed: MakeSealed) -> None:
    galleries = StoredGalleries(store, most_people=1)
    anna = make_sealed(1)
    galleries.put("home", anna)

    with pytest.raises(QueueFull, match="has 1 people, which is all it takes; forget some"):
        galleries.put("home", make_sealed(2))
    assert galleries.put("home", make_sealed(1), expected=1) == 2
    with pytest.raises(InputTooLarge, match="fewer pictures"):
        galleries.put("home", dataclasses.replace(anna, body=bytes(2 << 20)))
    for change in (
        {"wrapped_key": b""},
        {"body": b""},
        {"keeps_crops": True},
        {"key": "X"},
        {"embedders": (("a/../b", 1),)},
        {"embedders": (("b", 1), ("a", 1))},
        {"embedders": (("a", 0),)},
    ):
        with pytest.raises(InvalidInput, match="not a sealed person"):
            galleries.put("home", dataclasses.replace(anna, **change))
    assert len(objects(store, ".body")) == 1


@pytest.mark.parametrize("name", ["", "Home", "../home", "home/office", "a" * 64, "home\n"])
def test_names_and_ids_stay_in_their_place(galleries: StoredGalleries, make_sealed: MakeSealed, name: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: galleries.list(name),
        lambda: galleries.put(name, make_sealed(1)),
        lambda: galleries.forget(name, "0" * 32),
        lambda: galleries.devices(name),
        lambda: galleries.get("home", name),
        lambda: galleries.forget("home", name),
        lambda: galleries.put("home", dataclasses.replace(make_sealed(1), id=name)),
        lambda: galleries.acknowledge("home", f"../{name}", 0),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match=r"is not the (name|id) of"):
            call()


def test_forgetting_leaves_a_nameless_tombstone(galleries: StoredGalleries, make_sealed: MakeSealed) -> None:
    anna = make_sealed(1)
    galleries.put("home", anna)
    galleries.put("home", make_sealed(2))

    stone = galleries.forget("home", anna.id)

    assert (stone.id, stone.revision, stone.at) == (anna.id, 3, NOW)
    assert galleries.list("home").tombstones == (stone,)
    assert [entry.id for entry in galleries.list("home").entries] == [f"{2:032x}"]
    assert galleries.forget("home", anna.id) == stone
    for call in (lambda: galleries.get("home", anna.id), lambda: galleries.forget("home", "f" * 32)):
        with pytest.raises(NotFound, match="pipit faces list"):
            call()
    with pytest.raises(NotFound, match="was forgotten; enrol them anew, under a new id"):
        galleries.put("home", make_sealed(1))
    assert galleries.list("home").revision == 3


def test_nothing_of_a_forgotten_person_is_left(
    galleries: StoredGalleries, tmp_path: Path, make_person: Callable[..., Person]
) -> None:
    person = make_person(1, keep_crops=True)
    first, second = seal(KEY, "home", person), seal(KEY, "home", person)
    galleries.put("home", first)
    galleries.put("home", second, expected=1)
    galleries.put("home", seal(KEY, "home", make_person(2, name="Ben")))
    traces = [person.name.encode()]
    for sealed in (first, second):
        traces += [sealed.wrapped_key, sealed.body[:24], sealed.body[-24:], sealed.crops[:24], sealed.crops[-24:]]
    for template in person.templates:
        traces += [template.vector.tobytes()[:24], template.crop[:24], template.source.encode()]
    assert found(tmp_path, [second.wrapped_key, second.body[:24], second.crops[:24]]) == 3

    galleries.forget("home", person.id)

    assert found(tmp_path, traces) == 0
    assert len(galleries.snapshot("home").people) == 1


def found(folder: Path, traces: list[bytes]) -> int:
    """How many of these bytes lie in any file, as they are, in hexadecimal or in base64."""
    content = b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return sum(
        any(form in content for form in (trace, trace.hex().encode(), base64.b64encode(trace)[:-4])) for trace in traces
    )


def test_a_forgetting_in_the_middle_of_a_put_takes_nothing_from_it(tmp_path: Path, make_sealed: MakeSealed) -> None:
    class Interrupted(LocalStore):
        """Forgets somebody just before somebody else's index is swapped."""

        interrupt: Callable[[], object] | None = None

        def replace(self, key: str, data: bytes, etag: str) -> str:
            interrupt, self.interrupt = self.interrupt, None
            if interrupt is not None:
                interrupt()
            return super().replace(key, data, etag)

    store = Interrupted(tmp_path / "store")
    galleries = StoredGalleries(store)
    galleries.put("home", make_sealed(1))
    store.interrupt = lambda: galleries.forget("home", f"{1:032x}")
    ben = make_sealed(2, keep_crops=True)

    assert galleries.put("home", ben) == 3

    assert galleries.get("home", ben.id, crops=True) == dataclasses.replace(ben, revision=3)
    assert len(objects(store, ".body")) == 1


def test_a_missing_or_damaged_object_is_told(
    galleries: StoredGalleries, store: LocalStore, make_sealed: MakeSealed
) -> None:
    anna = make_sealed(1)
    galleries.put("home", anna)
    store.delete(objects(store, ".body")[0])

    with pytest.raises(IntegrityError, match=f"object of person {anna.id} in gallery home is missing"):
        galleries.snapshot("home")
    galleries.forget("home", anna.id)
    assert galleries.snapshot("home").people == ()

    index = store.read("galleries/home/gallery.json")
    store.replace("galleries/home/gallery.json", b"{}", index.etag)
    with pytest.raises(IntegrityError, match="restore it from a backup"):
        galleries.list("home")


def test_devices_acknowledge(galleries: StoredGalleries, make_sealed: MakeSealed) -> None:
    galleries.acknowledge("home", "pi-door", 0)
    assert galleries.devices("home") == ()
    galleries.put("home", make_sealed(1))
    galleries.put("home", make_sealed(2))

    galleries.acknowledge("home", "pi-door", 1)
    galleries.acknowledge("home", "pi-door", 2)
    galleries.acknowledge("home", "pi-attic", 1)

    assert [(state.device, state.revision, state.at) for state in galleries.devices("home")] == [
        ("pi-attic", 1, NOW),
        ("pi-door", 2, NOW),
    ]
    with pytest.raises(InvalidInput, match="at revision 2; 3 can't be acknowledged"):
        galleries.acknowledge("home", "pi-door", 3)


def test_a_watch_tells_of_each_change(store: LocalStore, make_sealed: MakeSealed) -> None:
    galleries = StoredGalleries(store, poll_seconds=0.01)
    changes = galleries.watch("home")
    revisions = iter(changes)

    assert next(revisions) == 0
    galleries.put("home", make_sealed(1))
    assert next(revisions) == 1
    galleries.forget("home", f"{1:032x}")
    assert next(revisions) == 2
    changes.close()
    assert list(revisions) == []
