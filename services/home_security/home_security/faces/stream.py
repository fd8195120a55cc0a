"""One caller's pictures that follow each other: faces are followed by overlap, and named by vote.

The votes are state of the stream; `interpret` moves them on, once for each picture, as soon as its faces are embedded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipit.faces.finder import FacesDecoded
from pipit.faces.naming import Naming
from pipit.faces.voting import Followed, Sighting, Track, VoteSettings, follow
from pipit.inputs import EncodedImage, Input
from pipit.types import Box, Decoded

PICTURE_SECONDS = 0.1
"""From one picture to the next, where the caller does not say."""
SETTINGS = VoteSettings()


class Votes:
    """Of one stream; not for several threads."""

    def __init__(self) -> None:
        self._followed = Followed()

    def add(self, boxes: Sequence[Box], namings: Sequence[Naming]) -> tuple[Track, ...]:
        """One track for each face of the next picture, which may have none."""
        seen = [_sighting(box, naming) for box, naming in zip(boxes, namings, strict=True)]
        self._followed = follow(self._followed, seen, SETTINGS)
        return self._followed.tracks


@dataclass(frozen=True, slots=True)
class FrameDecoded(FacesDecoded):
    """A stream's picture."""

    votes: Votes | None = None


class Decodes(Protocol):
    """What finds faces in a picture: the pipeline."""

    def decode(self, item: Input) -> FacesDecoded:
        """One row a face."""
        ...


class FaceStream:
    """State of one stream; see `pipit.pipelines.StreamDecoder`."""

    def __init__(self, pipeline: Decodes) -> None:
        self._pipeline = pipeline
        self._votes = Votes()
        self._begun = False
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        """Pictures."""
        return isinstance(item, EncodedImage)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """One row a face; none in a picture without one, which counts as a picture all the same."""
        found = self._pipeline.decode(item)
        if seconds is not None:
            self.seconds = seconds
        elif self._begun:
            self.seconds += PICTURE_SECONDS
        self._begun = True
        if not found.regions:
            # A server asks nothing about a picture without rows.
            self._votes.add((), ())
        return FrameDecoded(found.tensors, found.regions, found.faces, self._votes)

    def finish(self) -> Decoded | None:
        """Every picture was answered when it came."""
        return None


def _sighting(box: Box, naming: Naming) -> Sighting:
    best = naming.scores[0] if naming.scores else None
    return Sighting(box, best.person.id if best else "", best.score if best else 0.0)
