"""Devices follow a gallery through the registry; of somebody who is forgotten not a byte is left, on any disk."""

from __future__ import annotations

import base64
import dataclasses
import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_registry.server import RegistryServer
from pipit.faces.gallery import Consent, Gallery, Person, Template
from pipit.faces.sealing import GalleryKey, SealedPerson, seal
from pipit.galleries import GalleryCache, GalleryFollower, RemoteGalleries

LONGEST_TRACE = 24
Told = queue.Queue[Gallery]


@pytest.fixture
def follow(
    tmp_path: Path, gallery_key: GalleryKey, galleries_of: Callable[..., RemoteGalleries]
) -> Iterator[Callable[[int, str], Told]]:
    """Starts a device, whose cache lies in a folder of its name, and gives what it is told."""
    with ExitStack() as stack:

        def start(port: int, name: str) -> Told:
            told: Told = queue.Queue()
            cache = GalleryCache(tmp_path / name, "home")
            stack.enter_context(
                GalleryFollower(galleries_of(port), "home", gallery_key, name, told.put, cache, 0.01, 0.1)
            )
            return told

        yield start


def numbers(told: Told) -> list[int]:
    return [int(person.id, 16) for person in told.get(timeout=120).people]


def traces(person: Person, sealings: list[SealedPerson]) -> dict[str, bytes]:
    """Bytes that nothing but this person has, by what they are."""
    found = {"name": person.name.encode(), "consent": person.consent.by.encode()}
    for place, template in enumerate(person.templates):
        found[f"vector {place}"] = template.vector.astype("<f4").tobytes()
        found[f"crop {place}"] = template.crop
        found[f"source {place}"] = template.source.encode()
    for place, sealed in enumerate(sealings):
        found[f"wrapped key {place}"] = sealed.wrapped_key
        for part, data in (("body", sealed.body), ("crops", sealed.crops)):
            found |= {f"{part} {place} {end}": piece for end, piece in (("begin", data[:24]), ("end", data[-24:]))}
    return {what: data[:LONGEST_TRACE] for what, data in found.items() if data}


def search(folder: Path, wanted: dict[str, bytes]) -> set[str]:
    """What of it lies in any file, as it is, in hexadecimal, or at any place of a text in base64."""
    content = b"\0".join(map(content_of, sorted(folder.rglob("*"))))
    return {what for what, data in wanted.items() if any(form in content for form in forms(data))}


def content_of(path: Path) -> bytes:
    """Nothing of a folder, and of a file that is gone by now: a device's word is being written all the time."""
    with suppress(FileNotFoundError, IsADirectoryError):
        return path.read_bytes()
    return b""


def forms(data: bytes) -> list[bytes]:
    # In base64 three bytes are four letters: shifted by 0, 1 and 2, less the letters that neighbours share.
    shifted = [base64.b64encode(bytes(shift) + data)[4 if shift else 0 : -4] for shift in range(3)]
    return [data, data.hex().encode(), *shifted]


@pytest.fixture
def anna() -> Person:
    """Somebody with five vectors of length 1 that lie close together, and their pictures."""
    random = np.random.default_rng(1)
    centre = random.normal(size=512)

    def template() -> Template:
        vector = (centre + 0.3 * random.normal(size=512)).astype(np.float32)
        return Template(
            vector / np.linalg.norm(vector), "embedder-1", random.random(), random.bytes(32).hex(), random.bytes(20_000)
        )

    consent = Consent("Anna Unmistakable herself", "2026-11-01T12:00:00Z", "the door", keep_crops=True)
    return Person(f"{1:032x}", "Anna Unmistakable", consent, tuple(template() for _ in range(5)))


def test_not_a_byte_of_a_forgotten_person_is_left_in_the_store_or_on_any_device(
    start: Callable[..., RegistryServer],
    galleries_of: Callable[..., RemoteGalleries],
    follow: Callable[[int, str], Told],
    make_person: Callable[..., Person],
    gallery_key: GalleryKey,
    anna: Person,
    tmp_path: Path,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    first, second = start(), start()
    galleries = galleries_of(first.port)
    before, after = (seal(gallery_key, "home", anna) for _ in range(2))
    galleries.put("home", before)
    galleries.put("home", after, expected=1)
    galleries.put("home", seal(gallery_key, "home", make_person(2, "Ben")))
    devices = {"pi-door": follow(first.port, "pi-door"), "pi-attic": follow(second.port, "pi-attic")}
    for told in devices.values():
        assert numbers(told) == [1, 2]
    wanted = traces(anna, [before, after])

    # The search finds what is there: without that it would prove nothing.
    sealed = {f"{part} 1 {end}" for part in ("body", "crops") for end in ("begin", "end")} | {"wrapped key 1"}
    assert search(tmp_path / "store", wanted) == sealed
    for name in devices:
        assert search(tmp_path / name, wanted) == {"body 1 begin", "body 1 end", "wrapped key 1"}

    stone = galleries.forget("home", anna.id)

    assert search(tmp_path / "store", wanted) == set()
    for told in devices.values():
        assert numbers(told) == [2]
    eventually(lambda: [state.revision for state in galleries.devices("home")] == [stone.revision] * 2)
    for name in devices:
        assert search(tmp_path / name, wanted) == set()
    assert search(tmp_path, wanted) == set()


def test_a_device_that_is_away_is_told_later_and_known_not_to_have_forgotten_until_then(
    registry: RegistryServer,
    galleries_of: Callable[..., RemoteGalleries],
    follow: Callable[[int, str], Told],
    gallery_key: GalleryKey,
    anna: Person,
    tmp_path: Path,
    wire_to: Callable[[str], Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    wire = wire_to(f"127.0.0.1:{registry.port}")
    galleries = galleries_of(registry.port)
    sealed = seal(gallery_key, "home", anna)
    galleries.put("home", sealed)
    near, far = follow(registry.port, "pi-near"), follow(wire.port, "pi-far")
    assert numbers(near) == numbers(far) == [1]

    def held() -> dict[str, int]:
        return {state.device: state.revision for state in galleries.devices("home")}

    eventually(lambda: held() == {"pi-near": 1, "pi-far": 1})

    wire.cut()
    galleries.forget("home", anna.id)
    assert numbers(near) == []
    eventually(lambda: held() == {"pi-near": 2, "pi-far": 1})
    wanted = traces(anna, [dataclasses.replace(sealed, crops=b"")])
    assert "wrapped key 0" in search(tmp_path / "pi-far", wanted)

    wire.mend()
    assert numbers(far) == []
    eventually(lambda: held() == {"pi-near": 2, "pi-far": 2})
    assert search(tmp_path, wanted) == set()


def test_a_device_knows_people_without_the_registry(
    registry: RegistryServer,
    galleries_of: Callable[..., RemoteGalleries],
    follow: Callable[[int, str], Told],
    gallery_key: GalleryKey,
    anna: Person,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    galleries = galleries_of(registry.port)
    galleries.put("home", seal(gallery_key, "home", anna))
    assert numbers(follow(registry.port, "pi-door")) == [1]
    eventually(lambda: len(galleries.devices("home")) == 1)
    registry.stop(0)

    again = follow(1, "pi-door").get(timeout=120)

    assert (again.revision, [person.name for person in again.people]) == (1, ["Anna Unmistakable"])


def test_a_way_that_breaks_in_the_middle_of_a_download_brings_everybody_in_the_end(
    registry: RegistryServer,
    galleries_of: Callable[..., RemoteGalleries],
    follow: Callable[[int, str], Told],
    make_person: Callable[..., Person],
    gallery_key: GalleryKey,
    wire_to: Callable[[str], Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    galleries = galleries_of(registry.port)
    for number in range(30):
        galleries.put("home", seal(gallery_key, "home", make_person(number)))
    wire = wire_to(f"127.0.0.1:{registry.port}")
    wire.budget = 20_000  # of some 70 thousand bytes

    told = follow(wire.port, "pi-door")

    eventually(lambda: wire.budget is not None and wire.budget < 0)
    assert told.empty()
    wire.mend()
    assert numbers(told) == list(range(30))
    assert told.empty()
