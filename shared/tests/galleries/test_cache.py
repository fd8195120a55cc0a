"""What a device keeps of a gallery on its disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from pipit.errors import InvalidInput, Unavailable
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, SealedPerson, seal
from pipit.galleries import GalleryCache

KEY = GalleryKey(bytes(range(32)))


@pytest.fixture
def sealed(make_person: Callable[..., Person]) -> SealedPerson:
    return dataclasses.replace(seal(KEY, "home", make_person(1, keep_crops=True)), revision=7)


def test_what_was_written_is_read_without_crops(tmp_path: Path, sealed: SealedPerson) -> None:
    cache = GalleryCache(tmp_path, "home")
    assert cache.read().people == ()
    assert cache.read().revision is None

    cache.write(sealed)
    cache.complete(7)

    kept = GalleryCache(tmp_path, "home").read()
    assert kept.people == (dataclasses.replace(sealed, crops=b""),)
    assert kept.revision == 7
    assert GalleryCache(tmp_path, "office").read().people == ()


def test_it_is_for_its_owner_alone_and_holds_no_crop(tmp_path: Path, sealed: SealedPerson) -> None:
    GalleryCache(tmp_path, "home").write(sealed)

    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    path = tmp_path / "home" / f"{sealed.id}.json"
    assert path.stat().st_mode & 0o077 == 0
    assert path.stat().st_size < len(sealed.body) * 4 / 3 + 600


def test_what_was_removed_is_gone(tmp_path: Path, sealed: SealedPerson) -> None:
    cache = GalleryCache(tmp_path, "home")
    cache.write(sealed)

    cache.remove(sealed.id)
    cache.remove(sealed.id)

    assert cache.read().people == ()
    assert [path.name for path in (tmp_path / "home").iterdir()] == [".lock"]


def test_what_cannot_be_read_and_leftovers_of_a_crash_are_removed(tmp_path: Path, sealed: SealedPerson) -> None:
    cache = GalleryCache(tmp_path, "home")
    cache.write(sealed)
    cache.complete(7)
    (tmp_path / "home" / f"{2:032x}.json").write_text("{")
    (tmp_path / "home" / f".{sealed.id}.json.0123.part").write_bytes(b"half a person")

    kept = cache.read()

    assert [person.id for person in kept.people] == [sealed.id]
    assert kept.revision is None  # whoever is missing has to be fetched
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [
        ".lock",
        f"{sealed.id}.json",
        "revision.json",
    ]


def test_names_stay_inside_and_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="name of a gallery"):
        GalleryCache(tmp_path, "../home")
    with pytest.raises(InvalidInput, match="id of a person"):
        GalleryCache(tmp_path, "home").remove("../../x")
    (tmp_path / "file").touch()
    with pytest.raises(
        Unavailable,
        match=r"the cache folder .*home can't be used: Not a directory; name another",
    ):
        GalleryCache(tmp_path / "file", "home")
