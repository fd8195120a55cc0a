from __future__ import annotations

from collections.abc import Callable

import pytest
from pipit.faces.gallery import Person
from pipit.faces.sealing import GalleryKey, SealedPerson, seal


@pytest.fixture
def make_sealed(make_person: Callable[..., Person]) -> Callable[..., SealedPerson]:
    """Somebody in the gallery home, sealed with the key of these tests; arguments are those of `make_person`."""
    key = GalleryKey(bytes(range(32)))
    return lambda *arguments, **named: seal(key, "home", make_person(*arguments, **named))
