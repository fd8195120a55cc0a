"""People reach every pipeline, and no name reaches a metric or a log."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.errors import InvalidInput
from pipit.faces.gallery import Consent, Gallery, Person
from pipit.metrics import Metrics
from pipit.serving.attempts import Desired
from pipit.serving.gallery_keeper import GalleryKeeper

AGREED: dict[str, Any] = {"consent_by": "Anna Smith", "purpose": "the front door"}
Until = Callable[[Callable[[], bool]], None]


def person(name: str) -> Person:
    return Person("a" * 32, name, Consent(name, "2026-11-28T00:00:00Z", "door"), ())


class Names:
    """What the keeper needs of a pipeline."""

    embedder = "e"

    def __init__(self, broken: bool = False) -> None:
        self.given: list[Gallery] = []
        self.broken = broken

    def use_gallery(self, gallery: Gallery) -> None:
        if self.broken:
            raise RuntimeError("Anna does not fit")
        self.given.append(gallery)

    def vectors(self, outputs: Any, decoded: Any) -> Any:
        raise NotImplementedError


def test_each_pipeline_gets_the_people_from_its_first_moment_to_its_last() -> None:
    keeper, early, late = GalleryKeeper("home", Metrics("inference")), Names(), Names()
    release = keeper.adopt(early)
    assert early.given == []
    one, two, three = (Gallery("home", revision, (person("Anna"),)) for revision in (1, 2, 3))
    keeper.use(one)
    keeper.adopt(late)
    keeper.use(two)
    release()
    keeper.use(three)
    assert (early.given, late.given) == ([one, two], [one, two, three])
    assert "Anna" in keeper.names
    assert list(keeper.names) == ["Anna"]


def test_what_names_no_faces_is_left_alone() -> None:
    keeper = GalleryKeeper("home", Metrics("inference"))
    keeper.use(Gallery("home", 1, (person("Anna"),)))
    keeper.adopt(object())()


def test_a_pipeline_that_fails_keeps_nobody_from_the_others() -> None:
    keeper, good, broken = GalleryKeeper("home", Metrics("inference")), Names(), Names(broken=True)
    keeper.adopt(broken)
    keeper.adopt(good)
    gallery = Gallery("home", 1, (person("Anna"),))
    with pytest.raises(RuntimeError):
        keeper.use(gallery)
    assert good.given == [gallery]
    with structlog.testing.capture_logs() as logs:
        keeper.adopt(Names(broken=True))
    assert [entry["event"] for entry in logs] == ["gallery_not_used"]
    assert "Anna" not in str(logs)


def scrape(server: Any) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=30) as reply:
        return str(reply.read().decode())


def test_metrics_and_logs_tell_how_many_and_never_who(server: Any, pictures: Any, until: Until) -> None:
    address = f"127.0.0.1:{server.port}"
    value = server.metrics.registry.get_sample_value
    version = {"task": "test.blocks", "version": "1.0.0"}
    with structlog.testing.capture_logs() as logs, FacesClient(address) as faces, Client(address) as asks:
        faces.enrol("Xanthippe", pictures.files(1), **AGREED)
        until(lambda: asks.classify(pictures.of(1, variation=7)).label == "Xanthippe")
        of_home = {"gallery": "home"}
        # Told once it is in use.
        until(lambda: value("pipit_gallery_people", of_home) == value("pipit_gallery_revision", of_home) == 1.0)
        before = value("pipit_labels_total", {**version, "label": "known"})
        unknown = value("pipit_labels_total", {**version, "label": "unknown"})
        answer = asks.classify(pictures.of(1, 2, variation=7))
        assert value("pipit_labels_total", {**version, "label": "known"}) == before + 1
        assert value("pipit_labels_total", {**version, "label": "unknown"}) == unknown + 1
        with pytest.raises(InvalidInput, match="nobody of that name is known") as caught:
            asks.feedback(answer, "Ben")
        assert "Xanthippe" not in str(caught.value)
        assert asks.feedback(answer, "Xanthippe").was_right
        faces.enrol("Zenobia", pictures.files(2), **AGREED)
        until(lambda: value("pipit_gallery_people", of_home) == 2.0)
        for request, label, right in (("a", "Zenobia", False), ("b", "", False)):
            wrong = asks.classify(pictures.of(1, variation=7))
            assert wrong.label == "Xanthippe", request
            assert asks.feedback(wrong, label).was_right is right
        stranger = asks.classify(pictures.of(5))
        assert asks.feedback(stranger, "").was_right
        for predicted, label in (
            ("known", "known"),
            ("known", "somebody else"),
            ("known", "unknown"),
            ("unknown", "unknown"),
        ):
            assert value("pipit_feedback_total", {**version, "predicted": predicted, "label": label}) == 1.0
        exposed = scrape(server)
        faces.forget("Zenobia")
        until(lambda: value("pipit_gallery_people", {"gallery": "home"}) == 1.0)
    for text in (exposed, str(logs)):
        assert not re.search(r"Xanthippe|Zenobia|Anna Smith", text)


def test_a_new_version_knows_the_people_before_it_answers(
    server: Any, make_bundle: Callable[..., Any], pictures: Any, until: Until
) -> None:
    """Its embedder is another one: whoever let a face be kept is known again after `reembed`, the others are listed."""
    address = f"127.0.0.1:{server.port}"
    with FacesClient(address) as faces, Client(address) as asks:
        faces.enrol("Anna", pictures.files(1), keep_crops=True, **AGREED)
        faces.enrol("Ben", pictures.files(2), **AGREED)
        until(lambda: asks.classify(pictures.of(2, variation=7)).label == "Ben")
        bundle = make_bundle("2.0.0")
        given = Desired("2.0.0", bundle.digest, lambda: bundle.path)
        server.hosts["test.blocks"].desire(given)
        until(lambda: asks.models()[0].identity.version == "2.0.0")
        model = server.hosts["test.blocks"].lease()
        assert len(model.pipeline.gallery.people) == 2
        model.release()
        assert asks.classify(pictures.of(1, variation=7)).label == ""
        assert [(one.name, one.templates, one.outdated) for one in faces.people()] == [("Anna", 0, 5), ("Ben", 0, 5)]
        result = faces.reembed()
        assert [one.name for one in result.reembedded] == ["Anna"]
        assert [one.name for one in result.left] == ["Ben"]
        until(lambda: asks.classify(pictures.of(1, variation=7)).label == "Anna")
        assert [(one.name, one.templates, one.outdated) for one in faces.people()] == [("Anna", 5, 0), ("Ben", 0, 5)]
        assert faces.reembed().reembedded == ()
