"""The people that a face is compared with: data, versioned apart from models. Never a part of a bundle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""An embedding, shape (dimensions,), of length 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What is kept of one picture of a face.

    embedder: digest of the embedder that made `vector`; vectors of two embedders can't be compared. quality: 0..1.
    source: SHA-256 of the picture's file, in hexadecimal. crop: the face with what is around it as PNG, where
    consent lets it be kept, else empty; a new embedder needs it.
    """

    vector: Vector
    embedder: str
    quality: float
    source: str
    crop: bytes = b""


@dataclass(frozen=True, slots=True)
class Consent:
    """Who agreed, when and for what. Times: UTC, ISO 8601. until: empty for no end."""

    by: str
    at: str
    purpose: str
    until: str = ""
    keep_crops: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who is known. id: 32 random hexadecimal digits. name: what people read; two may share one.

    not_this: faces that somebody said are not this person's; they hold for this person alone.
    """

    id: str
    name: str
    consent: Consent
    templates: tuple[Template, ...]
    not_this: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Everybody who is known at one moment. revision: grows by one with each change; 0: nothing was ever written."""

    name: str
    revision: int
    people: tuple[Person, ...]


EMPTY = Gallery("", 0, ())
"""Nobody is known: every face is unknown."""
