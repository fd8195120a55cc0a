"""Pictures to aligned faces: what every pipeline that names people begins with.

decode_with_size -> FaceAndBody (shared with other tasks) -> chip and quality of each face
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.faces.alignment import TEMPLATES, Chip, ChipTemplate, Similarity, cut_chip, key_points, similarity_to
from pipit.faces.quality import Quality, measure_quality
from pipit.inputs import EncodedImage, Input, describe
from pipit.inputs.image import TAKEN, decode_with_size
from pipit.landmarks import SHORTER_SIDE, FaceAndBody, Found
from pipit.landmarks.memory import RECENT, Findings
from pipit.runtimes.base import Runtime
from pipit.types import Box, Decoded

_MEASURED = TEMPLATES["arcface"]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of a picture.

    box: around its 468 points, and points: eyes, tip of the nose, corners of the mouth (left in the picture first),
    float32, shape (5, 2); both in pixels of the full-resolution picture, after EXIF orientation. chip: aligned, as the
    embedder takes it. presence: 0..1, that it is a face.
    """

    box: Box
    points: NDArray[np.float32]
    chip: Chip
    presence: float
    quality: Quality


@dataclass(frozen=True, slots=True)
class FacesDecoded(Decoded):
    """Rows that embedders take, and the faces that they are of."""

    faces: tuple[Face, ...] = ()


class FaceFinder:
    """The networks that find faces, and a template. Safe for several threads. Keeps nothing of pictures."""

    def __init__(
        self, networks: Mapping[str, Runtime], template: ChipTemplate = _MEASURED, findings: Findings = RECENT
    ) -> None:
        """networks: opened, by the names of `pipit.landmarks.networks`. findings: of all who may share what they find.

        Raises InvalidInput if a network is missing.
        """
        self._faces = FaceAndBody(networks, findings=findings)
        self._template = template

    def find(self, item: Input) -> tuple[Face, ...]:
        """Faces in an encoded picture, largest first; empty if there is none.

        A large JPEG is decoded no larger than the search needs, and once more, larger, where that is too coarse for a
        face's chip. Raises InvalidInput, InputTooLarge.
        """
        if not isinstance(item, EncodedImage):
            raise InvalidInput(f"this task takes a picture, not {describe(item)}; {TAKEN}")
        searched = self._faces.open_stream(None, body=False).find_encoded(item, 0.0)
        if not searched.found:
            return ()
        # Found gives boxes of the full-resolution picture and points of the searched one.
        shrunk = searched.found[0].box.width / searched.found[0].face.bounds.width
        pixels = searched.pixels
        placed = [(found, similarity_to(self._template, found.face.points)) for found in searched.found]
        coarsest = max(similarity.scale for _, similarity in placed)
        if shrunk > 1.0 and coarsest > 1.0:
            pixels = decode_with_size(item, shorter_side=round(SHORTER_SIDE * min(coarsest, shrunk))).pixels
        larger = pixels.shape[1] / searched.pixels.shape[1]
        return tuple(self._face(found, similarity, pixels, larger, shrunk) for found, similarity in placed)

    def _face(
        self, found: Found, similarity: Similarity, pixels: NDArray[np.uint8], larger: float, shrunk: float
    ) -> Face:
        """larger, shrunk: pixels of `pixels`, and of the full-resolution picture, for one of the searched picture."""
        points = found.face.points
        chip = cut_chip(pixels, similarity.of_larger(larger), self._template.width, self._template.height)
        measured = chip
        if self._template is not _MEASURED:
            whole = similarity_to(_MEASURED, points).of_larger(larger)
            measured = cut_chip(pixels, whole, _MEASURED.width, _MEASURED.height)
        five = (key_points(points) * shrunk).astype(np.float32)
        return Face(found.box, five, chip, found.presence, measure_quality(points, measured, shrunk))
