"""A device names whom the gallery holds now, whose consent holds now, and nobody else; from its disk if need be."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pipit.errors import Unavailable
from pipit.faces.gallery import Gallery, Person
from pipit.faces.sealing import GalleryKey, SealedPerson, seal
from pipit.galleries import Changes, GalleryCache, GalleryFollower, StoredGalleries
from pipit.storage import LocalStore
from structlog.testing import capture_logs

KEY = GalleryKey(bytes(range(32)))
NAME = "Anna Example"
MakeSealed = Callable[..., SealedPerson]
Follow = Callable[..., GalleryFollower]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Device:
    """Collects the galleries that it is given; can refuse some first."""

    def __init__(self) -> None:
        self.given: queue.Queue[Gallery] = queue.Queue()
        self.refusals: list[Exception] = []

    def __call__(self, gallery: Gallery) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.given.put(gallery)

    def next(self) -> tuple[int, list[int]]:
        """Revision, and the numbers of the people."""
        gallery = self.given.get(timeout=120)
        return gallery.revision, [int(person.id, 16) for person in gallery.people]


class Reachable(StoredGalleries):
    """Galleries that can go away, and that count what is fetched."""

    away = False
    fails_after: int | None = None
    fetched: int = 0

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the registry is away")

    def list(self, gallery: str) -> Any:
        self._check()
        return super().list(gallery)

    def get(self, gallery: str, person_id: str, crops: bool = False) -> SealedPerson:
        self._check()
        assert not crops
        if self.fails_after is not None and self.fetched >= self.fails_after:
            raise Unavailable("the registry is away")
        self.fetched += 1
        return super().get(gallery, person_id, crops)

    def watch(self, gallery: str) -> Changes:
        self._check()
        return super().watch(gallery)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def galleries(tmp_path: Path) -> Reachable:
    return Reachable(LocalStore(tmp_path / "store"), poll_seconds=0.01)


@pytest.fixture
def follow(galleries: Reachable, device: Device, clock: Clock, tmp_path: Path) -> Iterator[Follow]:
    with ExitStack() as stack:

        def start(key: GalleryKey = KEY, galleries: StoredGalleries = galleries) -> GalleryFollower:
            cache = GalleryCache(tmp_path / "cache", "home")
            return stack.enter_context(
                GalleryFollower(galleries, "home", key, "pi-door", device, cache, 0.01, 0.05, 0.02, clock)
            )

        yield start


def eventually(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(6000):
        if holds():
            return
        pause.wait(0.01)
    pytest.fail("it never came to hold")


def acknowledged(galleries: StoredGalleries) -> int:
    return max((state.revision for state in galleries.devices("home")), default=0)


def test_every_change_is_given_kept_and_acknowledged(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed, tmp_path: Path
) -> None:
    follower = follow()
    assert device.next() == (0, [])
    galleries.put("home", make_sealed(1))
    assert device.next() == (1, [1])
    galleries.put("home", make_sealed(2, keep_crops=True))
    assert device.next() == (2, [1, 2])
    eventually(lambda: acknowledged(galleries) == 2)
    galleries.forget("home", f"{1:032x}")
    assert device.next() == (3, [2])

    eventually(lambda: acknowledged(galleries) == 3)
    assert follower.revision == 3
    assert follower.connected
    assert galleries.fetched == 2
    assert [path.name for path in sorted((tmp_path / "cache/home").glob("*.json"))] == [
        f"{2:032x}.json",
        "revision.json",
    ]


def test_people_come_open_with_their_templates(
    galleries: Reachable, follow: Follow, device: Device, make_person: Callable[..., Person]
) -> None:
    person = make_person(1, not_this=1)
    galleries.put("home", seal(KEY, "home", person))
    follow()

    given = device.given.get(timeout=120).people[0]

    assert (given.name, given.consent) == (person.name, person.consent)
    assert [template.vector.tolist() for template in given.templates] == [
        template.vector.tolist() for template in person.templates
    ]
    assert len(given.not_this) == 1


def test_a_start_needs_no_registry_and_fetches_nothing_twice(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed
) -> None:
    for number in (1, 2):
        galleries.put("home", make_sealed(number))
    first = follow()
    assert device.next() == (2, [1, 2])
    eventually(lambda: acknowledged(galleries) == 2)
    first.stop()
    galleries.away = True

    second = follow()

    assert device.next() == (2, [1, 2])
    assert not second.connected
    galleries.away = False
    galleries.put("home", make_sealed(3))
    assert device.next() == (3, [1, 2, 3])
    assert galleries.fetched == 3


def test_the_forgotten_go_even_if_the_registry_goes_in_the_middle(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed, tmp_path: Path
) -> None:
    for number in (1, 2):
        galleries.put("home", make_sealed(number))
    follow()
    assert device.next() == (2, [1, 2])
    eventually(lambda: acknowledged(galleries) == 2)
    galleries.fails_after = galleries.fetched
    other = StoredGalleries(LocalStore(tmp_path / "store"))
    other.put("home", make_sealed(3))
    other.forget("home", f"{1:032x}")

    assert device.next() == (2, [2])
    assert not (tmp_path / f"cache/home/{1:032x}.json").exists()
    assert acknowledged(other) == 2

    galleries.fails_after = None
    assert device.next() == (4, [2, 3])
    eventually(lambda: acknowledged(other) == 4)


def test_a_consent_ends_on_time_without_any_change(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed, clock: Clock
) -> None:
    galleries.put("home", make_sealed(1))
    galleries.put("home", make_sealed(2, until="2026-12-01T00:00:00Z"))
    follow()
    assert device.next() == (2, [1, 2])

    with capture_logs() as logs:
        clock.now = datetime(2026, 12, 1, tzinfo=UTC)
        assert device.next() == (2, [1])
        eventually(lambda: any(entry["event"] == "consents_ended" for entry in logs))
    clock.now -= timedelta(days=1)
    assert device.next() == (2, [1, 2])


def test_a_clock_in_1970_is_not_believed_and_one_that_is_set_later_is(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed, clock: Clock
) -> None:
    galleries.put("home", make_sealed(1))
    galleries.put("home", make_sealed(2, until="2027-12-01T00:00:00Z"))
    clock.now = datetime(1970, 1, 1, tzinfo=UTC)
    with capture_logs() as logs:
        follow()
        assert device.next() == (2, [1])
        galleries.put("home", make_sealed(3))
        assert device.next() == (3, [1, 3])
        clock.now = datetime(2026, 11, 28, tzinfo=UTC)
        assert device.next() == (3, [1, 2, 3])

    warnings = [entry for entry in logs if entry["event"] == "clock_not_believed"]
    assert [(entry["left_out"], "NTP" in entry["advice"]) for entry in warnings] == [(1, True)]


def test_another_key_names_nobody_and_says_what_to_do(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed
) -> None:
    for number in (1, 2):
        galleries.put("home", make_sealed(number))
    other = GalleryKey.generate()
    with capture_logs() as logs:
        follower = follow(other)
        assert device.next() == (2, [])

    assert f"gallery home is sealed with the key {KEY.id}, but the key here is {other.id}" in follower.problem
    assert "copy the key's file" in follower.problem
    assert len([entry for entry in logs if entry["event"] == "person_not_opened"]) == 1
    follower.stop()

    assert follow().problem == ""  # what was kept opens with the right one
    assert device.next() == (2, [1, 2])


def test_a_person_who_was_tampered_with_is_left_out_and_the_others_are_known(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed
) -> None:
    galleries.put("home", make_sealed(1))
    broken = make_sealed(2)
    galleries.put("home", dataclasses.replace(broken, body=broken.body[:-1] + bytes([broken.body[-1] ^ 1])))

    follower = follow()

    assert device.next() == (2, [1])
    assert f"person {2:032x} was changed" in follower.problem


def test_what_is_damaged_on_the_disk_is_fetched_anew(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        galleries.put("home", make_sealed(number))
    follow()
    assert device.next() == (3, [1, 2, 3])
    eventually(lambda: acknowledged(galleries) == 3)
    follow().stop()  # another process of this device reads the same folder
    device.given.queue.clear()
    folder = tmp_path / "cache/home"
    (folder / f"{1:032x}.json").write_text("{}")
    text = (folder / f"{2:032x}.json").read_text()
    (folder / f"{2:032x}.json").write_text(text.replace('"embedder-1", 3', '"embedder-1", 4'))

    follow()

    assert device.next() == (0, [3])
    assert device.next() == (3, [3, 1, 2])


def test_a_callback_that_fails_is_called_again_and_acknowledged_only_then(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed
) -> None:
    galleries.put("home", make_sealed(1))
    device.refusals = [ValueError(f"no room for {NAME}"), Unavailable("busy")]
    with capture_logs() as logs:
        follow()
        assert device.next() == (1, [1])
        eventually(lambda: acknowledged(galleries) == 1)

    assert NAME not in repr(logs)
    refused = [entry for entry in logs if entry["event"] == "gallery_refused"]
    assert sorted(entry["reason"] for entry in refused) == ["Unavailable", "ValueError"]
    assert all(entry["at"].startswith("test_follower.py:") for entry in refused)


def test_no_log_line_holds_a_name(
    galleries: Reachable, follow: Follow, device: Device, make_sealed: MakeSealed, clock: Clock
) -> None:
    with capture_logs() as logs:
        galleries.put("home", make_sealed(1))
        galleries.put("home", make_sealed(2, until="2026-12-01T00:00:00Z"))
        follow().stop()
        clock.now = datetime(1970, 1, 1, tzinfo=UTC)
        follow()
        galleries.forget("home", f"{1:032x}")
        eventually(lambda: acknowledged(galleries) == 3)
    assert logs
    assert "Anna" not in repr(logs)


def test_it_stops_before_it_began_and_while_the_registry_is_away(galleries: Reachable, follow: Follow) -> None:
    galleries.away = True
    waiting = follow()
    assert waiting.stop()
    assert waiting.stop()
    assert GalleryFollower(galleries, "home", KEY, "pi-door", lambda _: None).stop()


def test_without_a_cache_it_follows_what_lies_on_this_disk(
    galleries: Reachable, device: Device, make_sealed: MakeSealed
) -> None:
    galleries.put("home", make_sealed(1))
    with GalleryFollower(galleries, "home", KEY, "pi-door", device, look_seconds=0.02):
        assert device.next() == (1, [1])
        galleries.forget("home", f"{1:032x}")
        assert device.next() == (2, [])
