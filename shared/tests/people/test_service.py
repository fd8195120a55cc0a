"""FaceService of a server with a folder for its gallery, asked by the client."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image
from pipit._pb.pipit.faces.v1 import faces_pb2 as pb
from pipit._pb.pipit.faces.v1 import faces_pb2_grpc
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.client.faces_types import PictureVerdict
from pipit.errors import (
    DeadlineExceeded,
    InputTooLarge,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from pipit.faces.gallery import Consent, Person
from pipit.faces.sealing import GalleryKey, SealedPerson, seal
from pipit.galleries import StoredGalleries
from pipit.rpc.auth import hash_token
from pipit.serving.people import People
from pipit.storage import LocalStore

AGREED: dict[str, Any] = {"consent_by": "Anna", "purpose": "the front door"}
Serve = Callable[..., Any]
Until = Callable[[Callable[[], bool]], None]


def address(server: Any) -> str:
    return f"127.0.0.1:{server.port}"


@pytest.fixture
def client(server: Any) -> Iterator[FacesClient]:
    with FacesClient(address(server)) as connected:
        yield connected


@pytest.fixture
def said(server: Any) -> Iterator[Callable[[bytes], list[str]]]:
    """Who the server says is in a picture."""
    with Client(address(server)) as asked:
        yield lambda data: [prediction.label or "unknown" for prediction in asked.classify(data).predictions]


def test_who_is_enrolled_is_named_within_seconds_and_without_training(
    client: FacesClient, said: Callable[[bytes], list[str]], pictures: Any, until: Until
) -> None:
    stranger = pictures.of(1, variation=7)
    assert said(stranger) == ["unknown"]
    enrolled = client.enrol("Anna", pictures.files(1), until="2099-06-30", **AGREED)
    assert (enrolled.accepted, enrolled.warnings, enrolled.missing_views, enrolled.revision) == (5, (), (), 1)
    assert [verdict.view for verdict in enrolled.verdicts] == ["left", "frontal", "right", "left", "frontal"]
    assert all(verdict.accepted and verdict.box == 120.0 and verdict.quality == 0.75 for verdict in enrolled.verdicts)
    until(lambda: said(stranger) == ["Anna"])
    assert said(pictures.of(1, 2, variation=7)) == ["Anna", "unknown"]
    (person,) = client.people()
    assert (person.name, person.templates, person.outdated, person.in_force) == ("Anna", 5, 0, True)
    assert (person.consent.by, person.consent.purpose, person.consent.until) == (
        "Anna",
        "the front door",
        "2099-07-01T00:00:00Z",
    )


def test_a_check_says_the_same_and_keeps_nothing(client: FacesClient, pictures: Any, tmp_path: Path) -> None:
    told: list[PictureVerdict] = []
    checked = client.check([pictures.of(1), pictures.of(1, side=20)], judged=told.append)
    assert (checked.person, checked.accepted, checked.revision) == (None, 1, 0)
    assert tuple(told) == checked.verdicts
    assert [one.reason for one in checked.verdicts[1].refusals] == ["small", "eyes close"]
    assert client.people() == ()
    assert not list((tmp_path / "galleries").rglob("*.json"))


def test_more_pictures_are_added_to_whoever_has_the_name(client: FacesClient, pictures: Any) -> None:
    files = pictures.files(1, 8)
    first = client.enrol("Zo\u00eb", files[:5], keep_crops=True, **AGREED)
    more = client.enrol("Zoe\u0308", files[4:], consent_by="Zoë", purpose="work")
    assert first.person is not None
    assert more.person is not None
    assert (more.person.id, more.person.templates, more.revision) == (first.person.id, 8, 2)
    assert [verdict.accepted for verdict in more.verdicts] == [False, True, True, True]
    assert (
        more.verdicts[0].refusals[0].message
        == "it is the same file as a picture that is enrolled already; leave one out"
    )
    assert more.person.consent.purpose == "work"
    # The newest consent holds for all: no crop is kept any more.
    assert all(not template.crop for template in client.export("Zoë").templates)


def test_two_people_may_share_a_name_and_are_told_apart_by_id(client: FacesClient, pictures: Any) -> None:
    one = client.enrol("Alex", pictures.files(1), **AGREED).person
    with pytest.raises(InvalidInput, match="does not look like the same person"):
        client.enrol("Alex", pictures.files(2), **AGREED)
    two = client.enrol("Alex", pictures.files(2), another=True, **AGREED).person
    assert one is not None
    assert two is not None
    with pytest.raises(InvalidInput, match=f"2 people are called 'Alex'; give the id.*{one.id}"):
        client.forget("Alex")
    with pytest.raises(InvalidInput, match="2 people are called 'Alex'"):
        client.enrol("Alex", pictures.files(2, 8)[5:], **AGREED)
    added = client.enrol("Alex", pictures.files(2, 8)[5:], person_id=two.id, **AGREED).person
    assert added is not None
    assert (added.id, added.templates) == (two.id, 8)
    assert client.forget(one.id).name == "Alex"
    assert [person.id for person in client.people()] == [two.id]


def test_everything_that_is_held_is_given_out(client: FacesClient, pictures: Any) -> None:
    files = pictures.files(1)
    client.enrol("Anna", files, keep_crops=True, **AGREED)
    client.exclude("Anna", picture=pictures.of(4))
    held = client.export("Anna")
    assert (held.gallery, held.revision, held.person.crops, held.person.excluded) == ("home", 2, 5, 1)
    assert len(held.templates) == 5
    assert all(len(template.vector) == 64 and template.embedder == "a" * 64 for template in held.templates)
    assert all(template.crop.startswith(b"\x89PNG") for template in held.templates)
    assert [template.crop for template in held.excluded] == [b""]


def test_a_face_that_is_not_somebody_is_told_to_that_person_alone(
    client: FacesClient, said: Callable[[bytes], list[str]], pictures: Any, until: Until
) -> None:
    client.enrol("Anna", pictures.files(1), **AGREED)
    wrong = pictures.of(1, variation=8)
    until(lambda: said(wrong) == ["Anna"])
    person = client.exclude("Anna", picture=wrong)
    assert person.excluded == 1
    until(lambda: said(wrong) == ["unknown"])
    assert client.exclude("Anna", picture=wrong).excluded == 1
    with pytest.raises(InvalidInput, match="2 faces were found, and one is needed"):
        client.exclude("Anna", picture=pictures.of(1, 2))
    with pytest.raises(InvalidInput, match="enrolled as the person's own"):
        client.exclude("Anna", picture=pictures.files(1)[0])


def test_who_is_forgotten_is_named_no_more_and_no_byte_of_them_is_left(
    client: FacesClient, said: Callable[[bytes], list[str]], pictures: Any, tmp_path: Path, until: Until
) -> None:
    client.enrol("Anna", pictures.files(1), keep_crops=True, **AGREED)
    client.enrol("Ben", pictures.files(2), keep_crops=True, **AGREED)
    until(lambda: said(pictures.of(1, variation=7)) == ["Anna"])
    before = set(contents(tmp_path / "galleries"))
    forgotten = client.forget("Anna")
    assert forgotten.name == "Anna"
    until(lambda: said(pictures.of(1, 2, variation=7)) == ["unknown", "Ben"])
    people = list((tmp_path / "galleries/store/galleries/home/people").rglob("*.*"))
    assert len(people) == 2
    assert {path.parent.name for path in people} == {client.people()[0].id}
    left = b"".join(contents(tmp_path / "galleries"))
    sealed = [data for data in before if len(data) > 200 and data not in {path.read_bytes() for path in people}]
    assert all(data[40:120] not in left for data in sealed if not data.startswith(b"{"))
    with pytest.raises(NotFound, match="nobody is called 'Anna'; `pipit faces list`"):
        client.forget("Anna")


def contents(folder: Path) -> Iterator[bytes]:
    """Of all files. What the server has just written for itself may be gone before it is read."""
    for path in folder.rglob("*"):
        if path.is_file():
            with suppress(FileNotFoundError):
                yield path.read_bytes()


GOOD = {
    "grey": lambda picture: (picture.convert("RGB"), "JPEG", {"quality": 95}),
    "cmyk": lambda picture: (picture.convert("CMYK"), "JPEG", {"quality": 95}),
    "webp": lambda picture: (picture, "WEBP", {"lossless": True}),
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_pictures_in_other_colours_and_formats_are_read(client: FacesClient, pictures: Any, kind: str) -> None:
    picture, name, options = GOOD[kind](pictures.draw(1))
    (verdict,) = client.check([pictures.encode(picture, name, **options)]).verdicts
    assert (verdict.accepted, verdict.faces) == (True, 1)


def test_a_picture_that_exif_turns_is_looked_at_upright(client: FacesClient, pictures: Any) -> None:
    """Two blocks beside each other; on its side, only the columns of both would be seen as one."""
    picture = pictures.draw(1, 2)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = pictures.encode(picture.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    assert client.check([turned]).verdicts[0].faces == 2
    enrolled = client.enrol("Anna", [turned], largest_face=True, keep_crops=True, **AGREED)
    assert enrolled.accepted == 1
    crop = np.asarray(Image.open(io.BytesIO(client.export("Anna").templates[0].crop)).convert("RGB"))
    np.testing.assert_array_equal(crop[len(crop) // 2, len(crop) // 8 + 20], pictures.block(1, 8, 0)[0, 0])


BAD: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "no face": (lambda pictures: pictures.encode(Image.new("RGB", (300, 300), "grey")), "no face was found; take a"),
    "five faces": (lambda pictures: pictures.of(1, 2, 3, 4, 5), "5 faces were found, and one is needed; cut"),
    "20 px": (lambda pictures: pictures.of(1, side=20), "20 pixels wide, and 100 are needed; come nearer"),
    "dark": (lambda pictures: pictures.of(1, light=20), "too dark: brightness 0.08, and at least 0.20 is needed"),
    "no picture": (
        lambda pictures: b"RIFF a recording",
        "not a picture; send a JPEG, PNG, WebP, GIF",
    ),
    "cut short": (lambda pictures: pictures.of(1)[:300], "the picture is damaged or cut short; send all of it"),
    "empty": (lambda pictures: b"", "not a picture"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_what_can_not_be_enrolled_is_refused_and_leaves_nothing(
    server: Any, pictures: Any, tmp_path: Path, kind: str
) -> None:
    make, message = BAD[kind]
    with grpc.insecure_channel(address(server)) as channel:
        call = faces_pb2_grpc.FaceServiceStub(channel).Enrol(
            iter(
                [
                    pb.EnrolRequest(begin=pb.Enrolment(name="Anna", consent=pb.Consent(by="Anna", purpose="door"))),
                    pb.EnrolRequest(picture=pb.Picture(name="door.jpg", data=make(pictures))),
                ]
            ),
            timeout=60,
        )
        verdict = next(call).verdict
        assert not verdict.accepted
        assert message in verdict.refusals[0].message
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
    assert caught.value.code().name == "INVALID_ARGUMENT"
    assert caught.value.details().startswith("nobody was enrolled: the picture can't be used; door.jpg: ")
    assert message in caught.value.details()
    assert not list((tmp_path / "galleries").rglob("*.body"))


def test_the_good_pictures_count_and_the_others_are_told(client: FacesClient, pictures: Any) -> None:
    files = pictures.files(1, 4)
    given = [*files, pictures.file("copy.png", files[0].read_bytes()), pictures.file("ben.png", pictures.of(2))]
    enrolled = client.enrol("Anna", given, **AGREED)
    assert [(verdict.picture, [one.reason for one in verdict.refusals]) for verdict in enrolled.verdicts][3:] == [
        ("1-3.png", []),
        ("copy.png", ["same picture"]),
        ("ben.png", ["another person"]),
    ]
    assert enrolled.warnings == ("4 pictures are few: 5 to 10 from different sides and days make a face known better",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("anna/ben", "character 5 of the name is a slash"),
        ("anna\nben", "character 5 of the name is a line break"),
        ("a" * 300, "a name of 300 characters; give at most 100"),
        ("", "a person needs a name"),
    ],
)
def test_names_that_can_not_be(client: FacesClient, pictures: Any, name: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        client.enrol(name, pictures.files(1), **AGREED)
    assert client.people() == ()


def test_an_emoji_is_a_name(
    client: FacesClient, said: Callable[[bytes], list[str]], pictures: Any, until: Until
) -> None:
    client.enrol("👩‍🚀 Anna", pictures.files(1), **AGREED)
    until(lambda: said(pictures.of(1, variation=7)) == ["👩‍🚀 Anna"])


@pytest.mark.parametrize(
    ("consent", "message"),
    [
        ({"consent_by": "", "purpose": "door"}, "who agreed"),
        ({"consent_by": "Anna", "purpose": ""}, "what for"),
        ({**AGREED, "until": "2020-01-01"}, "has ended already"),
        ({**AGREED, "until": "soon"}, "is no day; write the end of consent as 2027-06-30"),
    ],
)
def test_nobody_is_enrolled_without_consent(
    client: FacesClient, pictures: Any, consent: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        client.enrol("Anna", pictures.files(1), **consent)
    assert client.people() == ()


def test_a_clock_in_1970_enrols_nobody(serve: Serve, pictures: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        @staticmethod
        def now(zone: Any) -> datetime:
            return datetime(1970, 1, 1, tzinfo=zone)

    monkeypatch.setattr("pipit.serving.faces_servicer.datetime", Clock)
    with FacesClient(address(serve())) as client:
        with pytest.raises(Unavailable, match=r"this server's clock shows 1970-01-01T00:00:00Z.*timedatectl"):
            client.enrol("Anna", pictures.files(1), until="2027-01-01", **AGREED)
        assert client.people() == ()


def test_too_many_pictures_and_none(client: FacesClient, pictures: Any) -> None:
    picture = pictures.of(1)
    with pytest.raises(InputTooLarge, match="more than 30 pictures in one call"):
        client.enrol("Anna", [picture] * 31, **AGREED)
    with pytest.raises(InvalidInput, match="no picture was sent; give 5 to 10"):
        client.enrol("Anna", [], **AGREED)
    assert client.people() == ()


def test_a_call_that_begins_wrong(server: Any, pictures: Any) -> None:
    picture = pb.EnrolRequest(picture=pb.Picture(data=pictures.of(1)))
    begin = pb.EnrolRequest(begin=pb.Enrolment(name="Anna", consent=pb.Consent(by="Anna", purpose="door")))
    with grpc.insecure_channel(address(server)) as channel:
        stub = faces_pb2_grpc.FaceServiceStub(channel)
        for requests, message in (
            ([picture], "the first message says who"),
            ([], "the first message says who"),
            ([begin, picture, begin], "after the beginning only pictures follow"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                list(stub.Enrol(iter(requests), timeout=60))
            assert caught.value.code().name == "INVALID_ARGUMENT"
            assert message in caught.value.details()


def test_a_deadline_that_passes_leaves_nothing(client: FacesClient, pictures: Any, server: Any) -> None:
    """The one turn is taken, so that the pictures wait until the caller's time is over."""
    server.admission.enter()
    server.admission.enter()
    try:
        with FacesClient(address(server), timeout=0.5) as hurried, pytest.raises(DeadlineExceeded):
            hurried.enrol("Anna", pictures.files(1), **AGREED)
    finally:
        server.admission.leave()
        server.admission.leave()
    assert client.people() == ()


def test_only_an_enroller_may_say_who_people_are(serve: Serve, pictures: Any, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    entries = [
        f"  - {{name: {role}, roles: [{role}], sha256: {hash_token(role)}}}"
        for role in ("device", "reader", "enroller")
    ]
    tokens.write_text("\n".join(["callers:", *entries]))
    server = serve(tokens=tokens)
    for role in ("device", "reader"):
        with FacesClient(address(server), token=role) as client:
            for call in (
                lambda: client.enrol("Anna", pictures.files(1), **AGREED),
                lambda: client.check(pictures.files(1)),
                client.people,
                lambda: client.forget("Anna"),
                lambda: client.export("Anna"),
                client.unknown,
                lambda: client.ignore("x"),
                lambda: client.exclude("Anna", cluster="x"),
                client.reembed,
            ):
                with pytest.raises(PermissionDenied, match=f"{role} may not call .* needs the role enroller"):
                    call()
        with Client(address(server), token=role) as asks:
            assert asks.classify(pictures.of(1)).label == ""
    with FacesClient(address(server), token="enroller") as client:
        assert client.enrol("Anna", pictures.files(1), **AGREED).accepted == 5


def test_without_a_key_faces_are_found_and_nobody_is_enrolled(serve: Serve, pictures: Any) -> None:
    server = serve(gallery_key=None)
    with Client(address(server)) as asks:
        (part,) = asks.classify(pictures.of(1)).predictions
        assert (part.unknown, part.label, part.quality) == (True, "", 0.75)
    with FacesClient(address(server)) as client:
        with pytest.raises(NotFound, match=r"no gallery key.*pipit keys gallery FILE.*PIPIT_SERVING_GALLERY_KEY"):
            client.enrol("Anna", pictures.files(1), **AGREED)
        with pytest.raises(NotFound, match="no gallery key"):
            client.people()


def test_who_is_forgotten_while_another_call_reads_the_gallery_is_in_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, galleries = GalleryKey.generate(), StoredGalleries(LocalStore(tmp_path))
    anna, ben = (
        Person(letter * 32, name, Consent("Anna", "2026-11-28T00:00:00Z", "door"), ())
        for letter, name in (("a", "Anna"), ("b", "Ben"))
    )
    people, get = People("home", key), galleries.get
    galleries.put("home", seal(key, "home", anna))
    people.read(galleries)
    galleries.put("home", seal(key, "home", ben))

    def get_late(gallery: str, person_id: str, crops: bool = False) -> SealedPerson:
        monkeypatch.undo()
        people.forget(galleries, anna.id)
        return get(gallery, person_id, crops)

    monkeypatch.setattr(galleries, "get", get_late)
    people.read(galleries)
    assert anna.id not in people._opened
    assert [person.name for person in people.read(galleries).gallery.people] == ["Ben"]
    assert list(people._opened) == [ben.id]


def test_a_gallery_that_another_key_sealed(serve: Serve, pictures: Any, tmp_path: Path, until: Until) -> None:
    with FacesClient(address(serve())) as client:
        client.enrol("Anna", pictures.files(1), **AGREED)
    GalleryKey.generate().save(tmp_path / "other.key")
    other = serve(gallery_key=tmp_path / "other.key")
    files = [path for path in (tmp_path / "galleries/store").rglob("*.*") if path.is_file()]
    # Servers go on telling how far they are.
    files = [path for path in files if path.parent.name != "devices"]
    store = {path: path.read_bytes() for path in files}
    with FacesClient(address(other)) as client:
        for call in (client.people, lambda: client.enrol("Ben", pictures.files(2), **AGREED)):
            with pytest.raises(InvalidInput, match=r"is sealed with the key .* copy the key's file"):
                call()
    with Client(address(other)) as asks:
        assert asks.classify(pictures.of(1)).predictions[0].unknown
    assert {path: path.read_bytes() for path in store} == store
