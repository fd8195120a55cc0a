"""What a server says of people whom it knows, as a client sees it."""

from __future__ import annotations

from dataclasses import dataclass

from pipit.faces.gallery import Consent


@dataclass(frozen=True, slots=True)
class RefusedFor:
    """Something that speaks against a picture. value, limit: None where nothing was measured."""

    reason: str
    message: str
    value: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class PictureVerdict:
    """What is said of one picture. box: pixels. quality: 0..1. view: frontal, left, right, or "" without a face."""

    picture: str
    accepted: bool
    refusals: tuple[RefusedFor, ...]
    faces: int
    box: float | None
    quality: float | None
    view: str


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who is known. templates: pictures that they are known by; outdated: those of other embedders alone.

    in_force: whether the consent holds now; if not, they are not named.
    """

    id: str
    name: str
    consent: Consent
    templates: int
    outdated: int
    crops: int
    excluded: int
    in_force: bool


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of pictures. person: None after a check. revision: of the gallery."""

    person: KnownPerson | None
    verdicts: tuple[PictureVerdict, ...]
    accepted: int
    warnings: tuple[str, ...]
    missing_views: tuple[str, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class FollowingDevice:
    """revision: that it has followed to."""

    id: str
    revision: int
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who was deleted, and which devices have followed. devices: none where there is no registry."""

    id: str
    name: str
    revision: int
    devices: tuple[FollowingDevice, ...]


@dataclass(frozen=True, slots=True)
class UnknownCluster:
    """Faces that are alike. Times: UTC, ISO 8601. crop: the best of them, PNG."""

    id: str
    faces: int
    first_seen: str
    last_seen: str
    crop: bytes


@dataclass(frozen=True, slots=True)
class UnknownSeen:
    """kept: whether the server keeps unknown faces at all. single: those in no cluster."""

    clusters: tuple[UnknownCluster, ...]
    single: int
    kept: bool


@dataclass(frozen=True, slots=True)
class HeldTemplate:
    """What is held of one picture."""

    vector: tuple[float, ...]
    embedder: str
    quality: float
    source: str
    crop: bytes


@dataclass(frozen=True, slots=True)
class HeldPerson:
    """Everything that is held about somebody. excluded: faces that are said not to be theirs."""

    person: KnownPerson
    gallery: str
    revision: int
    templates: tuple[HeldTemplate, ...]
    excluded: tuple[HeldTemplate, ...]


@dataclass(frozen=True, slots=True)
class Reembedding:
    """left: those who have to be enrolled again, because no crop of theirs was kept."""

    reembedded: tuple[KnownPerson, ...]
    left: tuple[KnownPerson, ...]
    revision: int
