"""Galleries on every store: racing enrolments lose nothing, and forgetting leaves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pipit.errors import Conflict
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, seal, unseal
from pipit.galleries import StoredGalleries
from pipit.storage import ObjectStore

KEY = GalleryKey(bytes(range(32)))
WRITERS = 4


def test_racing_enrolments_stand_or_are_refused(store: ObjectStore, make_person: Callable[..., Person]) -> None:
    gate = threading.Barrier(WRITERS)

    def enrol(writer: int) -> tuple[bool, bool]:
        """Somebody new each, and one person whom all want to write."""
        galleries = StoredGalleries(store)
        own = seal(KEY, "home", make_person(writer, f"own {writer}"))
        shared = seal(KEY, "home", make_person(99, f"shared {writer}", keep_crops=True))
        gate.wait()
        stood = []
        for sealed in (own, shared):
            try:
                galleries.put("home", sealed)
            except Conflict:
                stood.append(False)
            else:
                stood.append(True)
        return stood[0], stood[1]

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(enrol, range(WRITERS)))

    assert all(own for own, _ in outcomes)
    winners = [writer for writer, (_, shared) in enumerate(outcomes) if shared]
    assert len(winners) == 1
    galleries = StoredGalleries(store)
    snapshot = galleries.snapshot("home")
    assert snapshot.revision == WRITERS + 1
    names = {unseal(KEY, "home", sealed).name for sealed in snapshot.people}
    assert names == {*(f"own {writer}" for writer in range(WRITERS)), f"shared {winners[0]}"}

    for sealed in snapshot.people:
        galleries.forget("home", sealed.id)
    assert list(store.list("galleries/")) == ["galleries/home/gallery.json"]
    assert galleries.list("home").entries == ()
    assert len(galleries.list("home").tombstones) == WRITERS + 1
