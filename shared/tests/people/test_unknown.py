"""Unknown faces that a server is told to keep: sealed, for a day, then named or ignored."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.faces.finder import Face, FacesDecoded
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.likeness import Likeness
from pipit.faces.quality import Quality
from pipit.faces.sealing import GalleryKey
from pipit.faces.strangers import Stranger
from pipit.serving import unknown_faces
from pipit.serving.unknown_faces import UnknownFaces
from pipit.types import Box, Identity, LabelScore, Prediction
from pydantic import ValidationError

AGREED: dict[str, Any] = {"consent_by": "Jo", "purpose": "the front door"}
Until = Callable[[Callable[[], bool]], None]
NOW = datetime(2026, 11, 28, 19, 0, tzinfo=UTC)
FACES = re.compile(r"[0-9a-f]{16}\.sealed")


@dataclass
class Both:
    faces: FacesClient
    asks: Client
    folder: Path


@pytest.fixture
def both(serve: Any, tmp_path: Path) -> Iterator[Both]:
    address = f"127.0.0.1:{serve(keep_unknown=True).port}"
    with FacesClient(address) as faces, Client(address) as asks:
        yield Both(faces, asks, tmp_path / "galleries/unknown")


def see(both: Both, pictures: Any, person: int, count: int, until: Until) -> None:
    before = len(list(both.folder.glob("*.sealed")))
    for variation in range(count):
        both.asks.classify(pictures.of(person, variation=variation))
    until(lambda: len(list(both.folder.glob("*.sealed"))) == before + count)


def test_faces_that_come_again_are_listed_and_named_with_consent(both: Both, pictures: Any, until: Until) -> None:
    see(both, pictures, 1, 5, until)
    see(both, pictures, 2, 2, until)
    seen = both.faces.unknown()
    assert (seen.kept, seen.single) == (True, 2)
    (cluster,) = seen.clusters
    assert cluster.faces == 5
    assert cluster.crop.startswith(b"\x89PNG")
    assert cluster.first_seen <= cluster.last_seen
    with pytest.raises(InvalidInput, match="who agreed"):
        both.faces.name(cluster.id, "Jo", consent_by="", purpose="door")
    before = {path.name for path in both.folder.iterdir()}
    named = both.faces.name(cluster.id, "Jo", **AGREED)
    assert (named.accepted, named.missing_views) == (5, ())
    assert len(before & {path.name for path in both.folder.iterdir()}) == 2
    assert both.faces.unknown().clusters == ()
    until(lambda: both.asks.classify(pictures.of(1, variation=7)).label == "Jo")
    # What was asked before Jo was known may still be written.
    until(lambda: all(FACES.fullmatch(path.name) for path in both.folder.iterdir()))
    with pytest.raises(NotFound, match="there is no cluster"):
        both.faces.name(cluster.id, "Jo", **AGREED)


def test_what_lies_on_the_disk_tells_nothing(both: Both, pictures: Any, until: Until) -> None:
    see(both, pictures, 1, 3, until)
    for path in both.folder.iterdir():
        data = path.read_bytes()
        assert b"PNG" not in data
        assert b"vector" not in data
        assert path.stat().st_mode & 0o077 == 0 or both.folder.stat().st_mode & 0o077 == 0


def test_an_ignored_cluster_is_shown_no_more_and_takes_in_nobody(both: Both, pictures: Any, until: Until) -> None:
    see(both, pictures, 1, 3, until)
    (cluster,) = both.faces.unknown().clusters
    assert both.faces.ignore(cluster.id) == 3
    both.asks.classify(pictures.of(1, variation=8))
    see(both, pictures, 2, 1, until)
    assert both.faces.unknown().clusters == ()
    assert len(list(both.folder.iterdir())) == 4


def test_a_cluster_is_told_not_to_be_somebody(both: Both, pictures: Any, until: Until) -> None:
    both.faces.enrol("Anna", pictures.files(2), **AGREED)
    see(both, pictures, 1, 3, until)
    (cluster,) = both.faces.unknown().clusters
    assert both.faces.exclude("Anna", cluster=cluster.id).excluded == 3
    assert [template.crop for template in both.faces.export("Anna").excluded] == [b"", b"", b""]


def test_who_is_forgotten_is_not_kept_as_unknown_either(both: Both, pictures: Any, until: Until) -> None:
    see(both, pictures, 1, 3, until)
    see(both, pictures, 2, 1, until)
    both.faces.enrol("Anna", pictures.files(1), **AGREED)
    both.faces.forget("Anna")
    assert (both.faces.unknown().clusters, both.faces.unknown().single) == ((), 1)
    assert len(list(both.folder.iterdir())) == 1


def test_nothing_is_kept_unless_the_server_is_told_to(server: Any, pictures: Any, tmp_path: Path) -> None:
    address = f"127.0.0.1:{server.port}"
    with FacesClient(address) as faces, Client(address) as asks:
        for variation in range(4):
            asks.classify(pictures.of(1, variation=variation))
        assert faces.unknown() == faces.unknown().__class__((), 0, kept=False)
        for call in (lambda: faces.ignore("x"), lambda: faces.name("x", "Jo", **AGREED)):
            with pytest.raises(NotFound, match="PIPIT_SERVING_KEEP_UNKNOWN=true"):
                call()
    assert not (tmp_path / "galleries/unknown").exists()


def test_keeping_needs_a_key(serve: Any) -> None:
    with pytest.raises(ValidationError, match="keep_unknown needs gallery_key"):
        serve(keep_unknown=True, gallery_key=None)


def stranger(number: int, at: datetime = NOW) -> Stranger:
    vector = np.zeros(64, np.float32)
    vector[0], vector[1 + number] = 0.8, 0.6
    quality = Quality(150.0, 60.0, 0.3, 0.0, 0.5, 0.7)
    return Stranger(f"{number:016x}", f"{number:08x}", at, at, "e", vector, quality, b"png")


def keep(kept: UnknownFaces, *strangers: Stranger) -> None:
    for one in strangers:
        kept._queue.put((one, Likeness(0.95, 0.3, 0.6), 0))
    kept.stop()


def test_who_waits_to_be_kept_when_somebody_is_forgotten_is_not_kept(tmp_path: Path) -> None:
    kept = UnknownFaces(tmp_path, GalleryKey.generate(), "home", lambda: NOW)
    one, likeness = stranger(0), Likeness(0.95, 0.3, 0.6)
    kept._queue.put((one, likeness, kept._epoch))
    consent = Consent("Anna", NOW.isoformat(), "the test")
    kept.drop_like(Person("0" * 32, "Anna", consent, (Template(one.vector, "e", 1.0, "0" * 64),)))
    kept._queue.put((stranger(1), likeness, kept._epoch))
    kept.start()
    kept.stop()
    assert [path.name for path in tmp_path.iterdir()] == [f"{stranger(1).id}.sealed"]


def test_they_outlive_a_start_but_not_a_day_nor_another_key(tmp_path: Path) -> None:
    key, clock = GalleryKey.generate(), [NOW]

    def begin(with_key: GalleryKey = key) -> UnknownFaces:
        kept = UnknownFaces(tmp_path, with_key, "home", lambda: clock[0])
        kept.start()
        return kept

    keep(begin(), *(stranger(number) for number in range(3)), stranger(3, NOW + timedelta(hours=2)))
    clock[0] = NOW + timedelta(hours=23)
    again = begin()
    (cluster,) = again.strangers.clusters
    assert (cluster.id, len(cluster.strangers)) == ("00000000", 4)
    np.testing.assert_array_equal(cluster.strangers[0].vector, stranger(0).vector)
    assert cluster.strangers[0].quality == stranger(0).quality
    clock[0] = NOW + timedelta(hours=25)
    assert [one.id for one in again.strangers.everybody] == [stranger(3).id]
    again.stop()
    assert [path.name for path in tmp_path.iterdir()] == [f"{stranger(3).id}.sealed"]
    other = begin(GalleryKey.generate())
    assert other.strangers.everybody == ()
    other.stop()
    assert list(tmp_path.iterdir()) == []


@dataclass
class Embeds:
    """What is needed of a model and of its pipeline."""

    embedder = "e"

    def __post_init__(self) -> None:
        self.pipeline = self
        self.identity = Identity("test.blocks", "1.0.0", "d" * 64, "float32")
        self.manifest = SimpleNamespace(pipeline=SimpleNamespace(parameters={"likeness": {"no such limit": 1}}))

    def use_gallery(self, gallery: Any) -> None:
        raise NotImplementedError

    def vectors(self, outputs: Any, decoded: Any) -> np.ndarray:
        return np.stack([stranger(number).vector for number in range(len(decoded.faces))])


def test_only_faces_that_nobody_would_be_named_by_and_that_are_good_are_kept(tmp_path: Path) -> None:
    """A stream names somebody after some pictures: until then the answer is unknown, and its score is not."""
    kept = UnknownFaces(tmp_path, GalleryKey.generate(), "home", lambda: NOW)
    kept.start()
    good, bad = stranger(0).quality, replace(stranger(0).quality, score=0.1)
    box, points, chip = Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), np.zeros((4, 4, 3), np.uint8)
    faces = tuple(Face(box, points, chip, 0.9, quality) for quality in (good, good, good, bad))
    predictions = [
        Prediction((LabelScore("Anna", 0.8, True),), box, "Anna"),
        Prediction((LabelScore("Anna", 0.8),), box, unknown=True),
        Prediction((LabelScore("Anna", 0.2),), box, unknown=True),
        Prediction((), box, unknown=True),
    ]
    model: Any = Embeds()
    kept.look_on(model, {}, FacesDecoded({}, (box,) * 4, faces), predictions)
    kept.stop()
    (one,) = kept.strangers.everybody
    np.testing.assert_array_equal(one.vector, stranger(2).vector)


def test_processes_that_share_a_folder_see_each_others_faces(tmp_path: Path) -> None:
    key = GalleryKey.generate()
    one, two = (UnknownFaces(tmp_path, key, "home", lambda: NOW) for _ in range(2))
    one.start()
    two.start()
    keep(one, stranger(0), stranger(1))
    keep(two, stranger(2))
    (cluster,) = one.strangers.clusters
    assert len(cluster.strangers) == 3
    two.drop(person.id for person in cluster.strangers)
    assert one.strangers.everybody == ()


def test_whom_one_process_ignores_no_other_shows_nor_keeps_anew(tmp_path: Path) -> None:
    key = GalleryKey.generate()
    one, two = (UnknownFaces(tmp_path, key, "home", lambda: NOW) for _ in range(2))
    one.start()
    keep(one, *(stranger(number) for number in range(3)))
    two.start()
    two.stop()
    (cluster,) = two.strangers.clusters
    one.ignore(cluster.id)
    assert two.strangers.clusters == ()
    # The face comes by once more, at the other process.
    two._replace(two._strangers.met(stranger(0), Likeness(0.95, 0.3, 0.6)))
    assert [face.ignored for face in one.strangers.everybody] == [True] * 3


def test_a_folder_that_can_not_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match=r"the cache folder .* can't be used"):
        UnknownFaces(tmp_path / "file", GalleryKey.generate(), "home", lambda: NOW).start()


def test_a_full_disk_keeps_no_face_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    kept = UnknownFaces(tmp_path, GalleryKey.generate(), "home", lambda: NOW)
    kept.start()
    monkeypatch.setattr("pipit.serving.unknown_faces.write_atomically", full)
    keep(kept, stranger(0))
    assert kept.strangers.everybody == ()


def test_a_disk_from_which_nothing_can_be_deleted_for_a_while_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a card that became read-only: the thread that keeps faces is to go on, and a stop to end."""
    refused, looked = threading.Event(), Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".sealed" and not refused.is_set():
            refused.set()
            raise OSError(30, "Read-only file system")
        looked(path, missing_ok)

    clock = [NOW]
    kept = UnknownFaces(tmp_path, GalleryKey.generate(), "home", lambda: clock[0])
    kept.start()
    keep(kept, stranger(0))
    monkeypatch.setattr(unknown_faces, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Path, "unlink", refuse)
    kept._thread = threading.Thread(target=kept._work, daemon=True)
    clock[0] = NOW + timedelta(hours=25)
    kept._thread.start()
    assert refused.wait(30)
    keep(kept, stranger(1, clock[0]))
    assert [path.name for path in tmp_path.iterdir()] == [f"{stranger(1).id}.sealed"]


def test_two_versions_that_answer_at_once_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As during a swap: after each look of one at what faces are compared by, the other puts its own there."""
    own, others = Likeness(0.95, 0.3, 0.6), {"e" * 64: Likeness()}
    there: dict[str, Likeness] = {}

    def put(_: UnknownFaces, likeness: dict[str, Likeness]) -> None:
        there.clear()
        there.update(others if likeness else {})

    def look(_: UnknownFaces) -> dict[str, Likeness]:
        found = dict(there)
        there.clear()
        there.update(others)
        return found

    monkeypatch.setattr(UnknownFaces, "_likeness", property(look, put), raising=False)
    kept = UnknownFaces(tmp_path, GalleryKey.generate(), "home", lambda: NOW)
    model: Any = Embeds()
    there["d" * 64] = own
    assert kept._likeness_of(model) is own
    assert kept._likeness_of(model) == Likeness()
