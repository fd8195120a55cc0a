"""Servers that follow a gallery of a real registry: rights, races, devices, and a registry that goes away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pipit.serving.people
import pytest
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.errors import Conflict, GatesFailed, PermissionDenied, PipitError, Unavailable
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from pipit.rpc.connection import ConnectionSettings
from pydantic import SecretStr

pytest.importorskip("model_registry", reason="needs services/registry")

AGREED: dict[str, Any] = {"consent_by": "Anna", "purpose": "the front door"}
TASK = "test.blocks"
ROLES = {"pi": "device", "door": "device", "anna": "enroller", "chief": "operator", "maker": "publisher"}
Until = Callable[[Callable[[], bool]], None]


def tokens_file(path: Path) -> Path:
    entries = [f"  - {{name: {name}, roles: [{role}], sha256: {hash_token(name)}}}" for name, role in ROLES.items()]
    path.write_text("\n".join(["callers:", *entries]))
    return path


class Registry:
    """With tokens. Goes away, and comes back on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tokens = tokens_file(folder / "tokens.yaml")
        self.port = 0
        self.start()

    def start(self) -> None:
        from model_registry.server import RegistryServer
        from model_registry.settings import RegistrySettings

        settings = RegistrySettings(
            store=self.folder / "store", port=self.port, metrics_port=0, poll_seconds=0.05, tokens=self._tokens
        )
        self._server: Any = RegistryServer(settings)
        self._server.start()
        self.port = self._server.port

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(0.2)
            self._server = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def devices(self) -> list[Path]:
        """One file a device that has followed."""
        return list((self.folder / "store/galleries").glob("home/devices/*.json"))

    def objects(self) -> dict[str, bytes]:
        """All of galleries but what devices say."""
        files = (self.folder / "store/galleries").rglob("*")
        return {str(path): path.read_bytes() for path in files if path.is_file() and "devices" not in path.parts}


@pytest.fixture
def registry(tmp_path: Path, make_bundle: Callable[..., Any]) -> Iterator[Registry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    running = Registry(folder)
    with RegistryClient(running.address, "maker") as maker:
        maker.publish(make_bundle().path)
    with RegistryClient(running.address, "chief") as chief:
        chief.promote(TASK, "1.0.0", "production")
    yield running
    running.stop()


@pytest.fixture
def device(serve: Any, registry: Registry, tmp_path: Path) -> Callable[[str], str]:
    """Starts the server of a device, and gives its address."""

    def start(name: str, **settings: Any) -> str:
        given: dict[str, Any] = {
            "tasks": (TASK,),
            "registry": registry.address,
            "connection": ConnectionSettings(token=SecretStr(name)),
            "tokens": registry.folder / "tokens.yaml",
            "device_id": name,
            "cache_dir": tmp_path / name / "bundles",
            "gallery_dir": tmp_path / name / "galleries",
        }
        server = serve(**(given | settings))
        return f"127.0.0.1:{server.port}"

    return start


def said(address: str, picture: bytes) -> str:
    with Client(address, token="pi") as asks:
        return asks.classify(picture).label


def test_who_is_enrolled_at_one_device_is_named_at_another_and_forgotten_at_both(
    device: Any, registry: Registry, pictures: Any, until: Until, tmp_path: Path
) -> None:
    pi, door = device("pi"), device("door")
    stranger = pictures.of(1, variation=7)
    with FacesClient(pi, token="anna") as faces:
        faces.enrol("Anna", pictures.files(1), **AGREED)
        until(lambda: said(pi, stranger) == "Anna" == said(door, stranger))
        assert list((tmp_path / "door/galleries/cache").rglob("*.json"))
        until(lambda: len(registry.devices()) == 2)
        gone = faces.forget("Anna")
        devices = [(one.id, one.acknowledged, one.revision) for one in gone.devices]
        assert devices == [("door", True, 2), ("pi", True, 2)]
    assert said(pi, stranger) == said(door, stranger) == ""
    assert not [path for path in (tmp_path / "door/galleries/cache").rglob("*.json") if path.name != "revision.json"]
    assert not [key for key in registry.objects() if "/people/" in key]


def test_who_is_forgotten_elsewhere_is_in_no_memory_here(
    device: Any, serve: Any, registry: Registry, pictures: Any, until: Until
) -> None:
    pi, door = device("pi"), device("door")
    with FacesClient(pi, token="anna") as here, FacesClient(door, token="anna") as there:
        here.enrol("Xanthippe", pictures.files(1), **AGREED)
        until(lambda: said(pi, pictures.of(1, variation=7)) == "Xanthippe")
        until(lambda: len(registry.devices()) == 2)
        # Not before: a device that takes over a gallery, also the one of before her, empties some of these places.
        assert here.people()[0].name == "Xanthippe"
        assert said(pi, pictures.of(1, variation=7)) == "Xanthippe"
        assert found_in(serve.servers[0]) == {"people", "keeper", "recent", "inputs"}
        assert {one.acknowledged for one in there.forget("Xanthippe").devices} == {True}
        assert found_in(serve.servers[0]) == set()


def test_faces_like_those_of_somebody_who_is_forgotten_elsewhere_are_not_kept_as_unknown_here(
    device: Any, pictures: Any, until: Until, tmp_path: Path
) -> None:
    pi, door = device("pi", keep_unknown=True), device("door")
    kept = tmp_path / "pi/galleries/unknown"
    for person in (1, 2):
        said(pi, pictures.of(person, variation=8))
    until(lambda: len(list(kept.glob("*.sealed"))) == 2)
    with FacesClient(door, token="anna") as there:
        there.enrol("Anna", pictures.files(1), **AGREED)
        until(lambda: said(pi, pictures.of(1, variation=8)) == "Anna")
        there.forget("Anna")
    until(lambda: len(list(kept.iterdir())) == 1)


def found_in(server: Any) -> set[str]:
    """Where a server has the name in its memory."""
    places = {
        "people": str([person.name for _, person in server._faces.access.people._opened.values()]),
        "keeper": str([person.name for person in server.keeper.gallery.people]),
        "recent": str(list(server.plane.recent._answers.values())),
        "inputs": str([kept.all() for kept in server._fleet._recent.values()]),
    }
    return {place for place, text in places.items() if "Xanthippe" in text}


def test_a_device_that_is_switched_off_is_named_until_it_has_forgotten(
    device: Any, serve: Any, registry: Registry, pictures: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipit.serving.faces_requests.ACKNOWLEDGE_SECONDS", 0.2)
    door, pi = device("door"), device("pi")
    with FacesClient(pi, token="anna") as faces:
        faces.enrol("Anna", pictures.files(1), **AGREED)
        until(lambda: said(door, pictures.of(1, variation=7)) == "Anna" == said(pi, pictures.of(1, variation=7)))
        until(lambda: len(registry.devices()) == 2)
        serve.servers[0].stop(0.5)
        gone = faces.forget("Anna")
        assert [(one.id, one.acknowledged) for one in gone.devices if one.id == "door"] == [("door", False)]
        again = device("door")
        until(lambda: all(one.acknowledged for one in faces.forget(gone.id).devices))
        assert said(again, pictures.of(1, variation=7)) == ""


def test_what_a_caller_may_is_what_their_own_token_may(device: Any, registry: Registry, pictures: Any) -> None:
    """The server asks for no token here; its own is a device's, which may not write."""
    open_server = device("pi", tokens=None)
    for token in ("pi", "chief", None):
        with FacesClient(open_server, token=token) as faces, pytest.raises(PipitError) as caught:
            faces.enrol("Anna", pictures.files(1), **AGREED)
        assert caught.value.status in ("PERMISSION_DENIED", "UNAUTHENTICATED")
    assert registry.objects() == {}
    with FacesClient(open_server, token="anna") as faces:
        assert faces.enrol("Anna", pictures.files(1), **AGREED).revision == 1


def test_a_device_may_not_enrol(device: Any, registry: Registry, pictures: Any) -> None:
    with FacesClient(device("pi"), token="pi") as faces, pytest.raises(PermissionDenied, match="the role enroller"):
        faces.enrol("Anna", pictures.files(1), **AGREED)
    assert registry.objects() == {}


@pytest.mark.parametrize("known", [False, True])
def test_of_two_who_enrol_one_person_at_once_both_stand(
    device: Any, pictures: Any, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Both have read the gallery before either writes; the second looks again, and adds to the first."""
    address, files = device("pi"), pictures.files(1, 9)
    if known:
        with FacesClient(address, token="anna") as faces:
            faces.enrol("Anna", files[8:], **AGREED)
    both, seal, first = threading.Barrier(2, timeout=60), pipit.serving.people.seal, threading.local()

    def meet(*arguments: Any) -> Any:
        if not getattr(first, "met", False):
            first.met = True
            both.wait()
        return seal(*arguments)

    monkeypatch.setattr("pipit.serving.people.seal", meet)

    def enrol(given: list[Path]) -> Any:
        with FacesClient(address, token="anna") as faces:
            return faces.enrol("Anna", given, **AGREED)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(enrol, [files[:4], files[4:8]]))
    assert len({one.person.id for one in done}) == 1
    with FacesClient(address, token="anna") as faces:
        (anna,) = faces.people()
    assert (anna.templates, sorted(one.revision for one in done)) == (9, [2, 3]) if known else (8, [1, 2])


def test_who_is_always_second_is_told_to_do_it_again(
    device: Any, registry: Registry, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time that Anna is about to be written, something of Ben is written first."""
    address, seal = device("pi"), pipit.serving.people.seal
    strangers = iter(range(10))
    with FacesClient(address, token="anna") as faces:
        faces.enrol("Ben", pictures.files(2), **AGREED)

        def overtake(*arguments: Any) -> Any:
            if arguments[2].name == "Anna":
                faces.exclude("Ben", picture=pictures.of(5, variation=next(strangers)))
            return seal(*arguments)

        monkeypatch.setattr("pipit.serving.people.seal", overtake)
        with pytest.raises(Conflict, match="at the same moment, 4 times; nothing was written, do it again"):
            faces.enrol("Anna", pictures.files(1), **AGREED)
        assert [(person.name, person.excluded) for person in faces.people()] == [("Ben", 4)]


@pytest.mark.parametrize("moment", ["before it is read", "before it is written"])
def test_a_registry_that_goes_away_in_the_middle_leaves_nothing_half_written(
    device: Any, registry: Registry, pictures: Any, monkeypatch: pytest.MonkeyPatch, moment: str, until: Until
) -> None:
    address = device("pi")
    with FacesClient(address, token="anna") as faces:
        faces.enrol("Ben", pictures.files(2), **AGREED)
        until(lambda: said(address, pictures.of(2, variation=7)) == "Ben")
        before = registry.objects()
        name = "judge" if moment == "before it is written" else "token_of"
        module = "people" if name == "judge" else "gallery_access"
        real = getattr(getattr(__import__("pipit.serving", fromlist=[module]), module), name)

        def go_away(*arguments: Any, **options: Any) -> Any:
            registry.stop()
            return real(*arguments, **options)

        monkeypatch.setattr(f"pipit.serving.{module}.{name}", go_away)
        with pytest.raises(Unavailable, match=r"the registry at 127\.0\.0\.1:\d+ can't be reached"):
            faces.enrol("Anna", pictures.files(1), **AGREED)
        monkeypatch.setattr(f"pipit.serving.{module}.{name}", real)
        # Whoever was known is named on, from the device's own sealed copy.
        assert said(address, pictures.of(2, variation=7)) == "Ben"
        registry.start()
        assert registry.objects() == before
        until(lambda: _enrols(faces, pictures))
        until(lambda: said(address, pictures.of(1, variation=7)) == "Anna")


def _enrols(faces: FacesClient, pictures: Any) -> bool:
    try:
        return faces.enrol("Anna", pictures.files(1), **AGREED).accepted == 5
    except Unavailable:
        return False


def test_a_new_embedder_is_promoted_once_people_were_made_known_to_it(
    device: Any, serve: Any, registry: Registry, make_bundle: Callable[..., Any], pictures: Any, until: Until
) -> None:
    with RegistryClient(registry.address, "maker") as maker:
        maker.publish(make_bundle("2.0.0").path)
    pi = device("pi")
    with FacesClient(pi, token="anna") as faces:
        faces.enrol("Anna", pictures.files(1), keep_crops=True, **AGREED)
    until(lambda: said(pi, pictures.of(1, variation=7)) == "Anna")
    with RegistryClient(registry.address, "chief") as chief:
        with pytest.raises(GatesFailed, match="1 of 1 people have no template of its embedder"):
            chief.promote(TASK, "2.0.0", "production")
        chief.promote(TASK, "2.0.0", "staging", "to make people known to it", override_gates=True)
        staging = device("door", environment="staging")
        with FacesClient(staging, token="anna") as faces:
            assert [person.name for person in faces.reembed().reembedded] == ["Anna"]
        until(lambda: said(staging, pictures.of(1, variation=7)) == "Anna")
        assert said(pi, pictures.of(1, variation=7)) == "Anna"
        until(lambda: serve.servers[0].keeper.gallery.revision == 2)
        chief.promote(TASK, "2.0.0", "production")
    with Client(pi, token="pi") as asks:
        until(lambda: asks.models()[0].identity.version == "2.0.0")
    assert said(pi, pictures.of(1, variation=7)) == "Anna"


def test_a_start_without_the_registry_knows_the_people(
    device: Any, registry: Registry, pictures: Any, until: Until
) -> None:
    address = device("pi")
    with FacesClient(address, token="anna") as faces:
        faces.enrol("Anna", pictures.files(1), **AGREED)
    until(lambda: said(address, pictures.of(1, variation=7)) == "Anna")
    registry.stop()
    again = device("pi")
    until(lambda: said(again, pictures.of(1, variation=7)) == "Anna")
