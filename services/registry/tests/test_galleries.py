"""Galleries through real registries: roles, races between copies, pushed changes, limits, and a store that is S3."""

from __future__ import annotations

import dataclasses
import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from model_registry.gallery_servicer import METHOD_ROLES
from model_registry.server import RegistryServer
from pipit._pb.pipit.galleries.v1 import galleries_pb2
from pipit.errors import (
    Conflict,
    InputTooLarge,
    IntegrityError,
    InvalidInput,
    NotFound,
    PipitError,
    QueueFull,
    Unavailable,
)
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, SealedPerson, seal, unseal
from pipit.galleries import RemoteGalleries, StoredGalleries
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore

FOREVER = 3600.0
MakeSealed = Callable[..., SealedPerson]
Connect = Callable[..., RemoteGalleries]


@pytest.fixture
def make_sealed(make_person: Callable[..., Person], gallery_key: GalleryKey) -> MakeSealed:
    return lambda *arguments, **named: seal(gallery_key, "home", make_person(*arguments, **named))


@pytest.fixture
def galleries(registry: RegistryServer, galleries_of: Connect) -> RemoteGalleries:
    return galleries_of(registry.port)


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except PipitError as error:
        return error.status
    return "OK"


def test_what_was_put_comes_back_over_the_wire(
    galleries: RemoteGalleries, store: LocalStore, make_sealed: MakeSealed
) -> None:
    anna, ben = make_sealed(1), make_sealed(2, keep_crops=True)
    assert galleries.list("home").revision == 0

    assert galleries.put("home", anna) == 1
    assert galleries.put("home", ben, seen=1) == 2

    assert galleries.snapshot("home") == StoredGalleries(store).snapshot("home")
    assert galleries.get("home", ben.id) == dataclasses.replace(ben, revision=2, crops=b"")
    assert galleries.get("home", ben.id, crops=True) == dataclasses.replace(ben, revision=2)
    stone = galleries.forget("home", anna.id)
    assert galleries.list("home") == StoredGalleries(store).list("home")
    assert galleries.list("home").tombstones == (stone,)
    galleries.acknowledge("home", "pi-door", 3)
    assert galleries.devices("home") == StoredGalleries(store).devices("home")
    assert [(state.device, state.revision) for state in galleries.devices("home")] == [("pi-door", 3)]


def test_refusals_keep_their_status_and_say_what_to_do(
    galleries: RemoteGalleries, make_sealed: MakeSealed, make_person: Callable[..., Person]
) -> None:
    anna = make_sealed(1)
    galleries.put("home", anna)
    other = GalleryKey.generate()

    with pytest.raises(Conflict, match="written at revision 1, not 0"):
        galleries.put("home", make_sealed(1))
    with pytest.raises(Conflict, match="at revision 1, not 0"):
        galleries.put("home", make_sealed(2), seen=0)
    with pytest.raises(InvalidInput, match="copy the key's file"):
        galleries.put("home", seal(other, "home", make_person(2)))
    with pytest.raises(InvalidInput, match="is not the name of a gallery"):
        galleries.list("../home")
    with pytest.raises(InvalidInput, match="can't be acknowledged"):
        galleries.acknowledge("home", "pi-door", 2)
    with pytest.raises(InputTooLarge, match="Keep fewer pictures"):
        galleries.put("home", dataclasses.replace(make_sealed(2), body=bytes((1 << 20) + 100)))
    with pytest.raises(NotFound, match="pipit faces list"):
        galleries.forget("home", "f" * 32)
    galleries.forget("home", anna.id)
    with pytest.raises(NotFound, match="under a new id"):
        galleries.put("home", make_sealed(1))
    assert galleries.list("home").revision == 2


def test_the_largest_person_fits_into_a_message(galleries: RemoteGalleries, make_sealed: MakeSealed) -> None:
    largest = dataclasses.replace(
        make_sealed(1, keep_crops=True), body=bytes((1 << 20) + 28), crops=bytes((5 << 19) + 28)
    )
    assert galleries.put("home", largest) == 1
    assert galleries.get("home", largest.id, crops=True) == dataclasses.replace(largest, revision=1)


def test_enrollers_write_devices_follow_and_others_see_nobody(
    start: Callable[..., RegistryServer], galleries_of: Connect, make_sealed: MakeSealed, tmp_path: Path
) -> None:
    roles = {"anna": "enroller", "pi-1": "device", "eve": "reader", "ben": "operator", "cid": "publisher"}
    callers = [
        {"name": name, "roles": [role], "sha256": hash_token(f"token of {name}")} for name, role in roles.items()
    ]
    (tmp_path / "tokens.json").write_text(json.dumps({"callers": callers}))
    remote = galleries_of(start(tokens=tmp_path / "tokens.json").port, "token of anna")
    remote.put("home", make_sealed(1))
    remote.put("home", make_sealed(2))

    def all_calls(name: str) -> dict[str, str]:
        asked = remote.as_caller(f"token of {name}")
        with closing(asked.watch("home")) as changes:
            return {
                "list": outcome(lambda: asked.list("home")),
                "get": outcome(lambda: asked.get("home", f"{2:032x}", crops=True)),
                "watch": outcome(lambda: next(iter(changes))),
                "acknowledge": outcome(lambda: asked.acknowledge("home", name, 2)),
                "devices": outcome(lambda: asked.devices("home")),
                "put": outcome(lambda: asked.put("home", make_sealed(3))),
                "forget": outcome(lambda: asked.forget("home", f"{1:032x}")),
            }

    denied = "PERMISSION_DENIED"
    reading = dict.fromkeys(("list", "get", "watch", "devices"), "OK")
    assert all_calls("pi-1") == reading | {"acknowledge": "OK", "put": denied, "forget": denied}
    for name in ("eve", "ben", "cid"):
        assert set(all_calls(name).values()) == {denied}, name
    assert set(all_calls("nobody").values()) == {"UNAUTHENTICATED"}
    # Who enrols can't say that a device has forgotten somebody.
    assert all_calls("anna") == reading | {"acknowledge": denied, "put": "OK", "forget": "OK"}


def test_every_method_has_roles() -> None:
    service = galleries_pb2.DESCRIPTOR.services_by_name["GalleryService"]
    assert set(METHOD_ROLES) == {f"/{service.full_name}/{method.name}" for method in service.methods}
    assert all(METHOD_ROLES.values())


def test_enrolments_through_three_copies_all_stand(
    start: Callable[..., RegistryServer], galleries_of: Connect, make_sealed: MakeSealed, gallery_key: GalleryKey
) -> None:
    copies = [galleries_of(start().port) for _ in range(3)]
    gate = threading.Barrier(6)

    def enrol(number: int) -> bool:
        """Somebody new, and somebody whom all want to write."""
        own, shared = make_sealed(number), make_sealed(99, f"shared {number}")
        gate.wait()
        copies[number % 3].put("home", own)
        return outcome(lambda: copies[number % 3].put("home", shared)) == "OK"

    with ThreadPoolExecutor(6) as pool:
        stood = list(pool.map(enrol, range(6)))

    assert sum(stood) == 1
    snapshots = [remote.snapshot("home") for remote in copies]
    assert snapshots[0] == snapshots[1] == snapshots[2]
    assert snapshots[0].revision == len(snapshots[0].people) == 7
    names = [unseal(gallery_key, "home", sealed).name for sealed in snapshots[0].people]
    assert names == ["Anna Example"] * 6 + [f"shared {stood.index(True)}"]


def test_a_change_is_pushed_at_once_and_through_another_copy_by_polling(
    start: Callable[..., RegistryServer], galleries_of: Connect, make_sealed: MakeSealed
) -> None:
    pushing, polling = start(poll_seconds=FOREVER), start(poll_seconds=0.05)
    writer = galleries_of(pushing.port)
    with closing(writer.watch("home")) as pushed, closing(galleries_of(polling.port).watch("home")) as polled:
        streams = [iter(pushed), iter(polled)]
        assert [next(stream) for stream in streams] == [0, 0]
        writer.put("home", make_sealed(1))
        assert [next(stream) for stream in streams] == [1, 1]
        writer.put("office", make_sealed(1))
        writer.forget("home", f"{1:032x}")
        assert [next(stream) for stream in streams] == [2, 2]

    changes = {
        labels: pushing.metrics.registry.get_sample_value(
            "pipit_registry_gallery_changes_total", dict(zip(("gallery", "action"), labels, strict=True))
        )
        for labels in (("home", "put"), ("home", "forget"), ("office", "put"))
    }
    assert set(changes.values()) == {1.0}


def test_too_many_followers_of_galleries_leave_room_for_assignments(
    start: Callable[..., RegistryServer],
    galleries_of: Connect,
    connect: Callable[..., Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server = start(max_watchers=1)

    def watchers() -> float | None:
        return server.metrics.registry.get_sample_value("pipit_registry_gallery_watchers")

    remote = galleries_of(server.port)
    with closing(remote.watch("home")) as first:
        assert next(iter(first)) == 0
        assert watchers() == 1
        with closing(remote.watch("home")) as second, pytest.raises(QueueFull, match="1 devices watch this copy"):
            next(iter(second))
        with closing(connect(server).watch(("test.sounds",), "production")) as assignments:
            assert next(iter(assignments)).revision == 0
    eventually(lambda: watchers() == 0)


def test_a_watch_ends_when_the_registry_stops(registry: RegistryServer, galleries: RemoteGalleries) -> None:
    stream = iter(galleries.watch("home"))
    assert next(stream) == 0
    registry.stop(0)
    with pytest.raises(Unavailable):
        next(stream)


@pytest.fixture
def wire(s3_endpoint: str, wire_to: Callable[[str], Any]) -> Any:
    return wire_to(s3_endpoint)


@pytest.fixture
def on_s3(start: Callable[..., RegistryServer], wire: Any) -> RegistryServer:
    """A registry whose way to its object store can be cut."""
    return start(
        minio_endpoint=f"127.0.0.1:{wire.port}",
        minio_bucket=f"galleries-{uuid.uuid4().hex[:12]}",
        minio_access_key="test",
        minio_secret_key="testtest",
        minio_secure=False,
    )


def test_the_whole_way_on_an_object_store_that_goes_away_and_comes_back(
    on_s3: RegistryServer, galleries_of: Connect, make_sealed: MakeSealed, wire: Any
) -> None:
    galleries = galleries_of(on_s3.port)
    anna = make_sealed(1, keep_crops=True)
    galleries.put("home", anna)

    wire.cut()
    for call in (
        lambda: galleries.list("home"),
        lambda: galleries.put("home", make_sealed(2)),
        lambda: galleries.forget("home", anna.id),
        lambda: galleries.acknowledge("home", "pi-door", 1),
    ):
        with pytest.raises(Unavailable, match="can't be reached"):
            call()
    wire.mend()

    assert galleries.get("home", anna.id, crops=True) == dataclasses.replace(anna, revision=1)
    assert galleries.list("home").revision == 1
    assert galleries.put("home", make_sealed(2)) == 2
    assert galleries.forget("home", anna.id).revision == 3
    assert [entry.id for entry in galleries.list("home").entries] == [f"{2:032x}"]
    left = [key for key in on_s3._store.list("galleries/") if "/people/" in key]
    assert len(left) == 1
    assert f"{2:032x}" in left[0]


def test_a_changed_object_is_found_by_whoever_has_the_key(
    galleries: RemoteGalleries, store: LocalStore, make_sealed: MakeSealed, gallery_key: GalleryKey
) -> None:
    galleries.put("home", make_sealed(1))
    key = next(key for key in store.list("galleries/home/people/"))
    stored = store.read(key)
    store.replace(key, stored.data[:-1] + bytes([stored.data[-1] ^ 1]), stored.etag)

    sealed = galleries.get("home", f"{1:032x}")
    with pytest.raises(IntegrityError, match=f"person {1:032x} was changed"):
        unseal(gallery_key, "home", sealed)


@pytest.mark.parametrize("budget", [2_000, 100_000, 400_000])
def test_a_registry_that_goes_away_in_the_middle_of_a_put_has_all_of_it_or_nothing(
    registry: RegistryServer,
    galleries: RemoteGalleries,
    galleries_of: Connect,
    make_sealed: MakeSealed,
    wire_to: Callable[[str], Any],
    budget: int,
) -> None:
    wire = wire_to(f"127.0.0.1:{registry.port}")
    broken = galleries_of(wire.port)
    assert broken.list("home").revision == 0
    large = dataclasses.replace(make_sealed(1, keep_crops=True), crops=bytes(500_000))
    wire.budget = budget

    with pytest.raises(Unavailable):
        broken.put("home", large)

    assert galleries.list("home").entries == ()
    wire.mend()
    assert broken.put("home", large) == 1
    assert broken.put("home", large) == 1  # as after an answer that was lost
    assert galleries.get("home", large.id, crops=True) == dataclasses.replace(large, revision=1)
