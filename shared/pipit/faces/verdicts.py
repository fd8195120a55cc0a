"""What is said of pictures that are to make somebody known: accepted, or refused with the reason and what helps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pipit.errors import InvalidInput
from pipit.faces.gallery import Template, Vector
from pipit.faces.quality import Quality

FRONTAL_YAW = 12.0
"""Degrees: less is a view from the front."""


class Reason(StrEnum):
    """Why a picture was refused."""

    UNREADABLE = "unreadable"
    NO_FACE = "no face"
    SEVERAL = "several faces"
    SMALL = "small"
    EYES = "eyes close"
    BLURRED = "blurred"
    TURNED = "turned"
    DARK = "dark"
    BRIGHT = "bright"
    TWICE = "same picture"
    DUPLICATE = "nearly the same"
    ANOTHER = "another person"
    KNOWN = "somebody known"


class View(StrEnum):
    """Where a face looks, seen by whoever looks at the picture."""

    FRONTAL = "frontal"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One face of a picture, and what it is measured by. crop: PNG, kept where consent allows it."""

    vector: Vector
    quality: Quality
    crop: bytes = b""

    @property
    def view(self) -> View:
        """Where the face looks."""
        if abs(self.quality.yaw) <= FRONTAL_YAW:
            return View.FRONTAL
        return View.RIGHT if self.quality.yaw > 0 else View.LEFT


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """name: for people. source: SHA-256 of the file. faces: the largest first. problem: why it can't be read."""

    name: str
    source: str
    faces: tuple[Sighting, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """message: what is wrong, and what helps. value, limit: None where nothing was measured."""

    reason: Reason
    message: str
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What is said of one picture. face: the one that was looked at; None where there is none, or no one was chosen."""

    picture: Picture
    face: Sighting | None
    refusals: tuple[Refusal, ...]

    @property
    def accepted(self) -> bool:
        """Whether it may make a template."""
        return not self.refusals


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """verdicts: in the order of the pictures. warnings: what would make the person better known."""

    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...] = ()
    missing_views: tuple[View, ...] = ()
    accepted: tuple[Verdict, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "accepted", tuple(verdict for verdict in self.verdicts if verdict.accepted))

    def templates(self, embedder: str, keep_crops: bool) -> tuple[Template, ...]:
        """Of the accepted pictures. Raises InvalidInput if there is none: nobody is enrolled without a picture."""
        if not self.accepted:
            raise InvalidInput(self._nobody())
        return tuple(
            Template(
                verdict.face.vector,
                embedder,
                verdict.face.quality.score,
                verdict.picture.source,
                verdict.face.crop if keep_crops else b"",
            )
            for verdict in self.accepted
            if verdict.face is not None
        )

    def _nobody(self) -> str:
        if not self.verdicts:
            return "nobody was enrolled: no picture was sent; give 5 to 10"
        first = next(verdict for verdict in self.verdicts if verdict.refusals)
        count = len(self.verdicts)
        which = "the picture can't" if count == 1 else f"none of the {count} pictures can"
        return f"nobody was enrolled: {which} be used; {first.picture.name}: {first.refusals[0].message}"
