"""Pictures to faces and a body, as the features that networks are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.data.landmark_networks import (
    BODY_DETECTOR,
    BODY_LANDMARKS,
    FACE_DETECTOR,
    FACE_LANDMARKS,
    NetworkFile,
)
from pipit.errors import InvalidInput
from pipit.inputs.landmarks.body import BodyFinder, BodyPoints, BodyTrack
from pipit.inputs.landmarks.crop import Picture, crop
from pipit.inputs.landmarks.face import FaceFinder, FacePoints, add_new
from pipit.inputs.landmarks.geometry import Rectangle
from pipit.inputs.landmarks.layout import BODY_FEATURES, BODY_POINT_NAMES
from pipit.inputs.landmarks.networks import network_paths
from pipit.runtimes.base import Runtime
from pipit.runtimes.loader import load_runtime
from pipit.types import Box


@dataclass(frozen=True, slots=True)
class Found:
    """One face, and the body that bears it.

    features: float32, shape (1536,), as FEATURE_NAMES names them. x is divided by the picture's width, y by its
    height, z by its width; smaller z is nearer. Body features are 0 where no body was found for this face.
    box: upright, around the 468 points, in pixels of the full-resolution picture; it may reach over the border.
    presence, body_presence: 0..1; body_presence is 0 where there is none. face: the points in pixels of the picture
    that was searched.
    """

    features: NDArray[np.float32]
    box: Box
    presence: float
    body_presence: float
    face: FacePoints


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least scores, 0..1. MediaPipe's own defaults."""

    face_detection: float = 0.5
    face_presence: float = 0.5
    body_detection: float = 0.5
    body_presence: float = 0.5


class FaceAndBody:
    """The four networks. Keeps nothing of what it sees; safe for several threads."""

    def __init__(
        self,
        models: Path | None = None,
        threads: int = 1,
        instances: int = 1,
        thresholds: Thresholds | None = None,
        *,
        tight_faces: bool = True,
    ) -> None:
        """models: folder of the networks; not given, the one that the settings name.

        threads: cores that one picture may use. instances: pictures that may be searched at the same time.
        tight_faces: where no face is detected, look once more for one that fills the picture. MediaPipe does not.
        Raises NotFound if a network is missing, InvalidInput if one is none.
        """
        paths = network_paths(models)

        def load(file: NetworkFile) -> Runtime:
            return load_runtime(paths[file], "litert", threads, instances)

        self._faces = FaceFinder(load(FACE_DETECTOR), load(FACE_LANDMARKS))
        self._bodies = BodyFinder(load(BODY_DETECTOR), load(BODY_LANDMARKS))
        self._thresholds = thresholds or Thresholds()
        self._tight_faces = tight_faces

    def find(
        self,
        picture: Picture,
        faces: int | None = 1,
        *,
        body: bool = True,
        full_size: tuple[int, int] | None = None,
    ) -> list[Found]:
        """Faces in one picture, largest first; empty if there is none.

        picture: RGB. faces: at most so many; None for all. body: False leaves the body networks out.
        full_size: width and height for `Found.box`, where `picture` was decoded at a reduced scale.
        Raises InvalidInput for another shape or dtype.
        """
        return self.open_stream(faces, body=body).find(picture, full_size)

    def open_stream(self, faces: int | None = 1, *, body: bool = True) -> Tracker:
        """For pictures that follow each other. See `find`."""
        if faces is not None and faces < 1:
            raise InvalidInput(f"faces must be at least 1, not {faces}; leave it out for the largest one")
        return Tracker(self._faces, self._bodies if body else None, faces, self._thresholds, tight=self._tight_faces)


class Tracker:
    """One stream: looks first where the faces and the body were. Not for several threads.

    A face that was lost is searched anew in the same picture.
    """

    def __init__(
        self,
        faces: FaceFinder,
        bodies: BodyFinder | None,
        most_faces: int | None,
        thresholds: Thresholds,
        *,
        tight: bool,
    ) -> None:
        """`FaceAndBody.open_stream` makes them."""
        self._faces = faces
        self._bodies = bodies
        self._most_faces = most_faces
        self._thresholds = thresholds
        self._tight = tight
        self._face_rectangles: list[Rectangle] = []
        self._body = BodyTrack()
        self._size: tuple[int, ...] = ()

    def find(self, picture: Picture, full_size: tuple[int, int] | None = None, seconds: float = 1 / 30) -> list[Found]:
        """As `FaceAndBody.find`. A picture of another size than the one before starts anew.

        seconds: since the picture before.
        """
        check_picture(picture)
        if picture.shape != self._size:
            self.forget()
            self._size = picture.shape
        faces = self._find_faces(picture)
        body = None
        if faces:
            body = self._find_body(picture, seconds)
        else:
            # Nothing is told of a body without a face, so it is not searched.
            self._body.lose()
        bearer = _bearer(faces, body)
        return [_found(face, body if index == bearer else None, picture, full_size) for index, face in enumerate(faces)]

    def forget(self) -> None:
        """Starts anew with the next picture, as after a cut."""
        self._face_rectangles = []
        self._body.lose()

    def _find_faces(self, picture: Picture) -> list[FacePoints]:
        known = self._look_at_faces(picture, self._face_rectangles)
        if self._most_faces is None or len(known) < self._most_faces:
            held = [face.next_rectangle for face in known]
            least = self._thresholds.face_detection
            # Beside a face that is known already, none fills the picture.
            seen = self._faces.detect(picture, least, tight=self._tight and not known)
            detected = add_new(held, seen)[len(held) :]
            known += self._look_at_faces(picture, detected, self._most_faces and self._most_faces - len(known))
        known.sort(key=lambda face: -face.bounds.area)
        self._face_rectangles = [face.next_rectangle for face in known]
        return known

    def _look_at_faces(
        self, picture: Picture, rectangles: Sequence[Rectangle], most: int | None = None
    ) -> list[FacePoints]:
        present: list[FacePoints] = []
        for rectangle in rectangles:
            if most is not None and len(present) == most:
                break
            face = self._faces.look(picture, rectangle)
            if face.presence > self._thresholds.face_presence:
                present.append(face)
        return present

    def _find_body(self, picture: Picture, seconds: float) -> BodyPoints | None:
        if self._bodies is None:
            return None
        body = self._look_at_body(picture, self._body.rectangle)
        if body is None:
            self._body.lose()
            body = self._look_at_body(picture, self._bodies.detect(picture, self._thresholds.body_detection))
        if body is not None:
            self._body.follow(body, seconds)
        return body

    def _look_at_body(self, picture: Picture, rectangle: Rectangle | None) -> BodyPoints | None:
        if self._bodies is None or rectangle is None:
            return None
        body = self._bodies.look(picture, rectangle)
        return body if body.presence > self._thresholds.body_presence else None


def face_crop(picture: Picture, found: Found, size: int, margin: float = 1.2) -> Picture:
    """The face upright, its eyes level: uint8, shape (size, size, 3).

    picture: the one that was searched. margin: the crop's side over that of the square around the 468 points.
    A face much larger than the crop is sampled without smoothing.
    """
    return crop(picture, found.face.aligned.square(margin), size, repeat_border=True)


def check_picture(picture: Picture) -> None:
    """Raises InvalidInput for what is not RGB of at least one pixel."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InvalidInput(
            f"a picture must be uint8 of shape (height, width, 3), not {picture.dtype} of shape {picture.shape}"
        )


def _bearer(faces: Sequence[FacePoints], body: BodyPoints | None) -> int | None:
    """The index of the face that the body's nose lies in or nearest to, if it lies in one at all."""
    if body is None:
        return None
    nose_x, nose_y = (float(value) for value in body.points[0, :2])
    best: tuple[float, int] | None = None
    for index, face in enumerate(faces):
        bounds = face.bounds
        off_x, off_y = abs(nose_x - bounds.center_x), abs(nose_y - bounds.center_y)
        if off_x <= bounds.width / 2 and off_y <= bounds.height / 2:
            best = min(best or (np.inf, index), (off_x + off_y, index))
    return best[1] if best else None


def _found(face: FacePoints, body: BodyPoints | None, picture: Picture, full_size: tuple[int, int] | None) -> Found:
    height, width = picture.shape[:2]
    full_width, full_height = full_size or (width, height)
    parts = [(face.points / np.array([width, height, width], np.float32)).ravel()]
    if body is None:
        parts.append(np.zeros(BODY_FEATURES, np.float32))
    else:
        points = body.points[: len(BODY_POINT_NAMES)]
        parts.append((points / np.array([width, height, width, 1], np.float32)).ravel())
    bounds = face.bounds
    across, down = full_width / width, full_height / height
    box = Box(
        (bounds.center_x - bounds.width / 2) * across,
        (bounds.center_y - bounds.height / 2) * down,
        bounds.width * across,
        bounds.height * down,
    )
    return Found(np.concatenate(parts), box, face.presence, body.presence if body else 0.0, face)
