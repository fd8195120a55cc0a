"""A certificate, its key, and a bare server for the ports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Certificates = Callable[..., tuple[Path, Path]]


@pytest.fixture
def pair(make_certificate: Certificates) -> tuple[Path, Path]:
    return make_certificate("pair")


@pytest.fixture
def other_pair(make_certificate: Certificates) -> tuple[Path, Path]:
    return make_certificate("other")


@pytest.fixture
def locked_pair(make_certificate: Certificates) -> tuple[Path, Path]:
    """Whose key has a password."""
    return make_certificate("locked", password=b"secret")
