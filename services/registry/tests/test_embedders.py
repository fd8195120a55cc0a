"""A bundle that would not know the people who are known today is not promoted, unless somebody says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from model_registry.server import RegistryServer
from pipit.bundle import Bundle
from pipit.errors import GatesFailed, InvalidInput
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, seal
from pipit.galleries import RemoteGalleries
from pipit.registry import RegistryClient

TASK = "test.sounds"


@pytest.fixture
def galleries(
    registry: RegistryServer,
    galleries_of: Callable[..., RemoteGalleries],
    make_person: Callable[..., Person],
    gallery_key: GalleryKey,
) -> RemoteGalleries:
    """Five people at home who all have templates of embedder-1."""
    remote = galleries_of(registry.port)
    for number in range(5):
        remote.put("home", seal(gallery_key, "home", make_person(number)))
    return remote


def with_templates(person: Person, embedder: str) -> Person:
    new = tuple(dataclasses.replace(template, embedder=embedder) for template in person.templates)
    return dataclasses.replace(person, templates=(*person.templates, *new))


def test_it_is_refused_with_who_is_missing_and_what_to_do(
    client: RegistryClient, galleries: RemoteGalleries, make_bundle: Callable[..., Bundle]
) -> None:
    client.publish(make_bundle("1.0.0", embedder="embedder-2").path)

    with pytest.raises(GatesFailed) as caught:
        client.promote(TASK, "1.0.0", "production")

    assert client.list_versions().environments == ()
    ids = ", ".join(f"{number:032x}" for number in range(3))
    assert str(caught.value) == (
        "linear-float32-v1.0.0 would not know everybody: in gallery home 5 of 5 people have no template of its "
        f"embedder ({ids} and 2 more). Run `pipit faces reembed`, or override with a reason"
    )


def test_it_is_promoted_once_everybody_has_templates(
    client: RegistryClient,
    galleries: RemoteGalleries,
    make_bundle: Callable[..., Bundle],
    make_person: Callable[..., Person],
    gallery_key: GalleryKey,
) -> None:
    client.publish(make_bundle("1.0.0", embedder="embedder-2").path)
    for number in range(4):
        sealed = seal(gallery_key, "home", with_templates(make_person(number), "embedder-2"))
        galleries.put("home", sealed, expected=number + 1)
    with pytest.raises(GatesFailed, match=f"1 of 5 people have no template of its embedder .{4:032x}"):
        client.promote(TASK, "1.0.0", "production")

    galleries.forget("home", f"{4:032x}")

    assert client.promote(TASK, "1.0.0", "production").environment.version == "1.0.0"
    assert not client.history(TASK, "production")[0].gates_overridden


def test_every_gallery_counts(
    client: RegistryClient,
    galleries: RemoteGalleries,
    make_bundle: Callable[..., Bundle],
    make_person: Callable[..., Person],
    gallery_key: GalleryKey,
) -> None:
    client.publish(make_bundle("1.0.0", embedder="embedder-1").path)
    assert client.promote(TASK, "1.0.0", "staging").environment.revision == 1
    other = dataclasses.replace(make_person(7), templates=())
    galleries.put("office", seal(gallery_key, "office", other))

    with pytest.raises(GatesFailed, match="in gallery office 1 of 1 people"):
        client.promote(TASK, "1.0.0", "production")


def test_an_override_needs_a_reason_and_stands_in_the_history(
    client: RegistryClient, galleries: RemoteGalleries, make_bundle: Callable[..., Bundle]
) -> None:
    client.publish(make_bundle("1.0.0", embedder="embedder-2").path)

    with pytest.raises(InvalidInput, match="needs a reason"):
        client.promote(TASK, "1.0.0", "production", override_gates=True)
    client.promote(TASK, "1.0.0", "production", override_gates=True, reason="everybody enrols again on Monday")

    move = client.history(TASK, "production")[0]
    assert (move.gates_overridden, move.reason) == (True, "everybody enrols again on Monday")


def test_failing_gates_are_told_as_well(
    client: RegistryClient, galleries: RemoteGalleries, make_bundle: Callable[..., Bundle]
) -> None:
    client.publish(make_bundle("1.0.0", metrics={"accuracy": 0.6}, embedder="embedder-2").path)

    with pytest.raises(GatesFailed, match=r"accuracy is 0.6, must be > 0.7.*in gallery home 5 of 5"):
        client.promote(TASK, "1.0.0", "production")


def test_bundles_without_an_embedder_and_galleries_without_people_do_not_mind(
    client: RegistryClient, galleries: RemoteGalleries, make_bundle: Callable[..., Bundle]
) -> None:
    client.publish(make_bundle("1.0.0").path)
    client.publish(make_bundle("1.1.0", embedder="embedder-2").path)

    assert client.promote(TASK, "1.0.0", "production").environment.version == "1.0.0"
    for number in range(5):
        galleries.forget("home", f"{number:032x}")
    assert client.promote(TASK, "1.1.0", "production").environment.version == "1.1.0"
