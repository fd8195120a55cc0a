"""People are enrolled at a real server of a real bundle: on drawn faces, and on real ones where there are any."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security.faces.synthetic import draw_face
from PIL import Image, ImageDraw
from pipit.bundle import Bundle
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.client.faces_types import PictureVerdict
from pipit.errors import InvalidInput, Unavailable
from pipit.faces.sealing import GalleryKey
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

AGREED: dict[str, Any] = {"consent_by": "the person", "purpose": "a test"}
ANNA, BERT, STRANGER = 301, 302, 303


def drawn(person: int, number: int) -> Image.Image:
    return Image.fromarray(draw_face(person, np.random.default_rng([person, number])))


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def wait_until(condition: Callable[[], bool]) -> None:
    pause, begun = threading.Event(), time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 120, "it never came true"
        pause.wait(0.05)


@contextmanager
def served(folder: Path, bundle: Bundle, **settings: Any) -> Iterator[str]:
    """host:port of a server with a gallery of its own."""
    key = folder / "gallery.key"
    if not key.exists():
        GalleryKey.generate().save(key)
    given: dict[str, Any] = {"bundle": (bundle.path,), "port": 0, "metrics_port": 0, "grace_seconds": 1.0}
    given |= {"gallery_key": key, "gallery_dir": folder / "galleries"}
    server = InferenceServer(ServingSettings(**(given | settings)))
    server.start()
    try:
        wait_until(lambda: server.plane.is_ready)
        yield f"127.0.0.1:{server.port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served"), trained.bundle) as address:
        yield address


@pytest.fixture
def faces(server: str) -> Iterator[FacesClient]:
    """Nobody is known at its end."""
    with FacesClient(server) as client:
        yield client
        for person in client.people():
            client.forget(person.id)


@pytest.fixture
def said(server: str) -> Iterator[Callable[[Image.Image], list[str]]]:
    with Client(server) as client:
        yield lambda picture: [part.label for part in client.classify(encode(picture)).predictions]


def check(faces: FacesClient, data: bytes) -> PictureVerdict:
    (verdict,) = faces.check([data]).verdicts
    return verdict


def test_drawn_people_are_named_seconds_after_they_were_enrolled(
    faces: FacesClient, said: Callable[[Image.Image], list[str]]
) -> None:
    for name, person in (("Anna", ANNA), ("Bert", BERT)):
        enrolled = faces.enrol(name, [encode(drawn(person, number)) for number in range(8)], **AGREED)
        assert enrolled.accepted >= 3
        assert {refusal.reason for verdict in enrolled.verdicts for refusal in verdict.refusals} <= {"nearly the same"}
    wait_until(lambda: said(drawn(BERT, 20)) == ["Bert"])
    for person, name in ((ANNA, "Anna"), (BERT, "Bert")):
        answers = [said(drawn(person, number)) for number in range(20, 30)]
        assert answers.count([name]) >= 8
        assert all(answer in ([name], [""]) for answer in answers)
    faces.forget("Anna")
    wait_until(lambda: said(drawn(ANNA, 20)) == [""])
    assert said(drawn(BERT, 20)) == ["Bert"]


def stick_figure() -> Image.Image:
    picture = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((150, 40, 250, 140), outline="black", width=4)
    pen.line((200, 140, 200, 280, 150, 380), fill="black", width=4)
    pen.line((200, 280, 250, 380), fill="black", width=4)
    pen.line((120, 200, 280, 200), fill="black", width=4)
    return picture


def far_away() -> Image.Image:
    picture = Image.new("RGB", (640, 480), (120, 130, 140))
    picture.paste(drawn(ANNA, 0).resize((34, 34)), (300, 200))
    return picture


def crowd(people: int) -> Image.Image:
    picture = Image.new("RGB", (660, 440), (120, 130, 140))
    for place in range(people):
        picture.paste(drawn(ANNA + place, 0).resize((220, 220)), (220 * (place % 3), 220 * (place // 3)))
    return picture


@pytest.mark.parametrize(
    ("make", "reasons"),
    [
        (lambda: Image.new("RGB", (400, 400), "grey"), ["no face"]),
        (stick_figure, ["no face"]),
        (lambda: crowd(5), ["several faces"]),
        (lambda: drawn(ANNA, 0).resize((96, 96)), ["small"]),
        (lambda: drawn(ANNA, 0).point(lambda level: level // 12), ["dark"]),
    ],
    ids=["nothing", "a stick figure", "five faces", "small", "dark"],
)
def test_what_is_no_use_is_refused_and_nobody_is_enrolled(
    faces: FacesClient, make: Callable[[], Image.Image], reasons: list[str]
) -> None:
    verdict = check(faces, encode(make()))
    assert not verdict.accepted
    assert {refusal.reason for refusal in verdict.refusals} >= set(reasons)
    assert all(refusal.message for refusal in verdict.refusals)
    with pytest.raises(InvalidInput, match="nobody was enrolled: the picture can't be used"):
        faces.enrol("Anna", [encode(make())], **AGREED)
    assert faces.people() == ()


def test_a_face_of_twenty_pixels_is_too_small_or_not_found(faces: FacesClient) -> None:
    verdict = check(faces, encode(far_away()))
    assert verdict.refusals[0].reason in ("no face", "small")
    assert verdict.box is None or verdict.box < 30


TURNED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.mark.parametrize("orientation", sorted(TURNED))
def test_a_picture_that_exif_turns_is_the_same_picture(faces: FacesClient, orientation: int) -> None:
    upright = check(faces, encode(drawn(ANNA, 0)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = check(faces, encode(drawn(ANNA, 0).transpose(TURNED[orientation]), exif=exif))
    assert (turned.accepted, turned.box, turned.quality) == (True, upright.box, upright.quality)


def infrared(picture: Image.Image) -> Image.Image:
    """Grey, skin bright, as from a camera at night."""
    red = np.asarray(picture)[..., 0].astype(float) / 255
    return Image.fromarray((255 * np.clip(0.3 + 0.6 * red, 0, 1)).astype(np.uint8), "L")


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("JPEG", lambda picture: picture.convert("L")),
        ("JPEG", lambda picture: picture.convert("CMYK")),
        ("PNG", infrared),
        ("WEBP", lambda picture: picture),
    ],
    ids=["grey", "CMYK", "infrared", "WebP"],
)
def test_pictures_of_other_colours_are_looked_at(
    faces: FacesClient, kind: str, make: Callable[[Image.Image], Image.Image]
) -> None:
    verdict = check(faces, encode(make(drawn(ANNA, 0)), kind))
    assert (verdict.faces, verdict.accepted) == (1, True)
    assert verdict.box == pytest.approx(check(faces, encode(drawn(ANNA, 0))).box, rel=0.1)


def test_what_is_kept_of_a_face_is_enough_to_find_it_again(faces: FacesClient) -> None:
    """A new embedder has nothing else."""
    faces.enrol("Anna", [encode(drawn(ANNA, number)) for number in range(5)], keep_crops=True, **AGREED)
    held = faces.export("Anna")
    assert held.templates
    for template in held.templates:
        with Image.open(io.BytesIO(template.crop)) as crop:
            assert max(crop.size) <= 224
        assert check(faces, template.crop).faces == 1


def test_two_servers_learn_of_the_same_person(
    trained: Any, tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    GalleryKey.generate().save(tmp_path / "gallery.key")
    settings = {
        "BUNDLE": str(trained.bundle.path),
        "METRICS_PORT": "0",
        "GALLERY_KEY": str(tmp_path / "gallery.key"),
        "GALLERY_DIR": str(tmp_path / "galleries"),
    }
    names = ("pi-door", "pi-hall")
    with ExitStack() as stack:
        ports = free_ports(len(names))
        for name, port in zip(names, ports, strict=True):
            own = {"DEVICE_ID": name, "CACHE_DIR": str(tmp_path / name), "PORT": str(port)}
            stack.enter_context(serving(settings | own))
        faces = stack.enter_context(FacesClient(f"127.0.0.1:{ports[0]}"))
        pictures = [encode(drawn(ANNA, number)) for number in range(5)]
        wait_until(lambda: enrols(faces, pictures))
        devices = tmp_path / "galleries/store/galleries/home/devices"
        wait_until(lambda: {path.stem for path in devices.glob("*.json")} == set(names))
        gone, everywhere = faces.forget("Anna"), {(name, True) for name in names}
        # Whoever asks again is told by devices that needed longer than a call waits for them.
        wait_until(lambda: {(one.id, one.acknowledged) for one in faces.forget(gone.id).devices} == everywhere)


@contextmanager
def serving(settings: dict[str, str]) -> Iterator[None]:
    """A server that is a process of its own."""
    environment = {**os.environ, **{f"PIPIT_SERVING_{name}": value for name, value in settings.items()}}
    with subprocess.Popen(
        [sys.executable, "-m", "pipit.serving"], env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0


def enrols(faces: FacesClient, pictures: list[bytes]) -> bool:
    try:
        return faces.enrol("Anna", pictures, **AGREED).accepted > 0
    except Unavailable:
        return False
