"""A sealed person opens with the gallery's key alone, unchanged, and in its own place alone."""

from __future__ import annotations

import base64
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import AlreadyExists, InputTooLarge, IntegrityError, InvalidInput, NotFound
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.packing import pack, unpack
from pipit.faces.sealing import GalleryKey, seal, unseal
from structlog.testing import capture_logs

MakePerson = Callable[..., Person]
KEY = GalleryKey(bytes(range(32)))


def assert_same(one: Person, other: Person, crops: bool = True) -> None:
    assert (one.id, one.name, one.consent) == (other.id, other.name, other.consent)
    for mine, theirs in ((one.templates, other.templates), (one.not_this, other.not_this)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a.vector, b.vector)
            assert (a.embedder, a.quality, a.source) == (b.embedder, b.quality, b.source)
            assert a.crop == (b.crop if crops else b"")


def test_what_was_sealed_opens_as_it_was(make_person: MakePerson) -> None:
    person = make_person(keep_crops=True, not_this=2, until="2027-11-01T12:00:00Z")

    sealed = seal(KEY, "home", person)

    assert_same(unseal(KEY, "home", sealed), person)
    assert_same(unseal(KEY, "home", dataclasses.replace(sealed, crops=b"")), person, crops=False)
    assert sealed.embedders == (("embedder-1", 3),)
    assert sealed.keeps_crops
    assert sealed.key == KEY.id


def test_only_what_may_be_seen_stands_in_the_clear(make_person: MakePerson) -> None:
    person = make_person(keep_crops=True)
    sealed = seal(KEY, "home", person)
    secret = [person.name.encode(), b"Anna herself", b"the door", person.templates[0].source.encode()]
    secret += [template.vector.tobytes() for template in person.templates]
    secret += [template.crop for template in person.templates]

    everything = b"".join((sealed.body, sealed.crops, sealed.wrapped_key, repr(sealed).encode(), repr(KEY).encode()))

    assert [data for data in secret if data[:16] in everything] == []
    assert KEY.secret not in everything
    assert repr(KEY.secret) not in repr(KEY)


def test_each_sealing_has_a_key_of_its_own(make_person: MakePerson) -> None:
    first, second = (seal(KEY, "home", make_person(keep_crops=True)) for _ in range(2))

    assert first.body != second.body
    mixed = [
        dataclasses.replace(first, body=second.body),
        dataclasses.replace(first, crops=second.crops),
        dataclasses.replace(first, wrapped_key=second.wrapped_key),
    ]
    for sealed in mixed:
        with pytest.raises(IntegrityError, match="was changed, or belongs to another gallery"):
            unseal(KEY, "home", sealed)


def test_another_key_is_told_from_a_changed_document(make_person: MakePerson) -> None:
    other = GalleryKey.generate()
    sealed = seal(KEY, "home", make_person())

    with pytest.raises(
        InvalidInput, match=f"gallery home is sealed with the key {KEY.id}, but the key here is {other.id}"
    ):
        unseal(other, "home", sealed)
    with pytest.raises(IntegrityError, match="was changed"):
        unseal(other, "home", dataclasses.replace(sealed, key=other.id))


@pytest.mark.parametrize("part", ["wrapped_key", "body", "crops"])
def test_no_byte_can_be_changed(make_person: MakePerson, part: str) -> None:
    sealed = seal(KEY, "home", make_person(templates=1, keep_crops=True))
    data = getattr(sealed, part)
    for place in {0, 11, 12, len(data) // 2, len(data) - 1}:
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(IntegrityError):
            unseal(KEY, "home", dataclasses.replace(sealed, **{part: bytes(changed)}))
    for cut in (data[:-1], data[:5], data + b"\0"):
        with pytest.raises(IntegrityError):
            unseal(KEY, "home", dataclasses.replace(sealed, **{part: cut}))


def test_what_stands_in_the_clear_is_bound(make_person: MakePerson) -> None:
    sealed = seal(KEY, "home", make_person(keep_crops=True))

    for change in (
        {"id": "f" * 32},
        {"embedders": (("embedder-2", 3),)},
        {"embedders": (("embedder-1", 4),)},
        {"keeps_crops": False},
    ):
        with pytest.raises(IntegrityError):
            unseal(KEY, "home", dataclasses.replace(sealed, **change))
    with pytest.raises(IntegrityError, match="belongs to another gallery"):
        unseal(KEY, "office", sealed)
    unseal(KEY, "home", dataclasses.replace(sealed, revision=7))  # the store's own count


def test_crops_need_consent(make_person: MakePerson) -> None:
    person = make_person(keep_crops=True)
    forbidden = dataclasses.replace(person, consent=dataclasses.replace(person.consent, keep_crops=False))

    with pytest.raises(InvalidInput, match="only where the consent says so"):
        seal(KEY, "home", forbidden)


def test_a_chip_of_two_templates_is_kept_once(make_person: MakePerson) -> None:
    person = make_person(templates=1, keep_crops=True)
    again = dataclasses.replace(person.templates[0], embedder="embedder-2")
    both = dataclasses.replace(person, templates=(*person.templates, again))

    assert pack(both)[1] == pack(person)[1]
    opened = unseal(KEY, "home", seal(KEY, "home", both))
    assert [template.crop for template in opened.templates] == [person.templates[0].crop] * 2


def test_what_cannot_be_kept_is_refused_without_repeating_a_name(make_person: MakePerson) -> None:
    person = make_person(name="Secret Name")
    broken = dataclasses.replace(person.templates[0], vector=np.full(3, np.nan, np.float32))
    crops = [Template(np.ones(1, np.float32), "e", 1.0, "", os.urandom(1 << 20)) for _ in range(3)]
    cases: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"name": ""}, InvalidInput, "name"),
        ({"name": "Secret Name" * 40}, InvalidInput, "name"),
        ({"templates": (broken,)}, InvalidInput, "finite"),
        ({"templates": person.templates * 80}, InvalidInput, "templates"),
        ({"templates": (Template(np.ones(1, np.float32), "e", 1.5, ""),)}, InvalidInput, "quality"),
        ({"consent": Consent("x", "yesterday", "y")}, InvalidInput, "ISO 8601"),
        ({"consent": Consent("x", "2026-11-01", "y", until="some day")}, InvalidInput, "ISO 8601"),
        ({"templates": (Template(np.ones(4096, np.float32), "e", 1.0, ""),) * 70}, InputTooLarge, "fewer pictures"),
        ({"templates": tuple(crops), "consent": Consent("x", "2026-11-01", "y", "", True)}, InputTooLarge, "crops"),
    ]
    for change, error, text in cases:
        with pytest.raises(error, match=text) as caught:
            pack(dataclasses.replace(person, **change))
        assert "Secret Name" not in str(caught.value)


@given(st.binary(max_size=200), st.integers(0, 300))
@settings(max_examples=200, deadline=None)
def test_whatever_is_no_packed_person_is_refused(data: bytes, length: int) -> None:
    for body in (data, length.to_bytes(4, "little") + data):
        with pytest.raises(IntegrityError, match="enrol the person again"):
            unpack("0" * 32, body)


def test_lengths_that_do_not_add_up_are_refused(make_person: MakePerson) -> None:
    body, crops = pack(make_person(keep_crops=True))
    for wrong in ((body[:-4], crops), (body + bytes(4), crops), (body, crops[:-1]), (body, crops + b"x")):
        with pytest.raises(IntegrityError):
            unpack("0" * 32, *wrong)


def test_a_key_file_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "home.key"
    KEY.save(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert GalleryKey.load(path) == KEY
    with pytest.raises(AlreadyExists, match="never written over"):
        GalleryKey.generate().save(path)
    assert GalleryKey.load(path) == KEY


def test_a_key_that_everybody_may_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "home.key"
    KEY.save(path)
    path.chmod(0o644)
    with capture_logs() as logs:
        GalleryKey.load(path)
    assert [(entry["event"], entry["advice"]) for entry in logs] == [("gallery_key_readable_by_all", "chmod 600")]


def test_a_file_that_is_no_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="pipit keys gallery"):
        GalleryKey.load(tmp_path / "none")
    for content in (b"", b"no base64!", base64.b64encode(b"short"), base64.b64encode(bytes(33))):
        (tmp_path / "key").write_bytes(content)
        with pytest.raises(InvalidInput, match="32 bytes in base64"):
            GalleryKey.load(tmp_path / "key")
