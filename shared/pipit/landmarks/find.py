"""Pictures to faces and a body, as the features that networks are trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_with_size
from pipit.landmarks.body import BodyFinder, BodyPoints, BodyTrack
from pipit.landmarks.crop import Picture, crop
from pipit.landmarks.face import FaceFinder, FacePoints, add_new
from pipit.landmarks.geometry import Rectangle
from pipit.landmarks.layout import BODY_FEATURES, BODY_POINT_NAMES
from pipit.landmarks.memory import RECENT, Asker, Findings
from pipit.landmarks.networks import BODY_NETWORKS, FACE_NETWORKS, FAR_NETWORKS, RUNTIME, network_paths
from pipit.runtimes.base import Runtime
from pipit.runtimes.loader import load_runtime
from pipit.types import Box

T = TypeVar("T")

SHORTER_SIDE = 720
"""Pixels that a picture needs; a larger JPEG is decoded at a reduced scale. A face of a fifth of it fills its crop."""
_RECTANGLE = 256
"""Bytes, roughly."""


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


@dataclass(frozen=True, slots=True)
class Searched:
    """pixels: the decoded picture, RGB. found: largest face first."""

    pixels: Picture
    found: list[Found]


class FaceAndBody:
    """The networks. Safe for several threads. Keeps nothing of pictures; see `Tracker.find_encoded`."""

    def __init__(
        self,
        networks: Mapping[str, Runtime],
        thresholds: Thresholds | None = None,
        *,
        tight_faces: bool = True,
        findings: Findings = RECENT,
    ) -> None:
        """networks: opened, by the names of `pipit.landmarks.networks`; without the body's, no body is found.

        Without the one for faces far away, only such are found as fill an eighth of the picture's longer side.
        tight_faces: where no face is detected, look once more for one that fills the picture. MediaPipe does not.
        findings: of all who may share what they find. Raises InvalidInput if a network is missing.
        """
        missing = FACE_NETWORKS.keys() - networks.keys()
        if BODY_NETWORKS.keys() & networks.keys():
            missing |= BODY_NETWORKS.keys() - networks.keys()
        if missing:
            raise InvalidInput(f"the networks {', '.join(sorted(missing))} are missing; make the bundle anew")
        self._networks = networks
        detector, landmarks = (networks[name] for name in FACE_NETWORKS)
        (far,) = (networks.get(name) for name in FAR_NETWORKS)
        self._faces = FaceFinder(detector, landmarks, far)
        self._bodies = None
        if BODY_NETWORKS.keys() <= networks.keys():
            self._bodies = BodyFinder(*(networks[name] for name in BODY_NETWORKS))
        self._thresholds = thresholds or Thresholds()
        self._tight_faces = tight_faces
        self._asker = Asker(findings)

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        threads: int = 1,
        instances: int = 1,
        thresholds: Thresholds | None = None,
        *,
        body: bool = True,
        tight_faces: bool = True,
    ) -> FaceAndBody:
        """From files, for trainers and tools; a device has them from its bundle.

        folder: of the networks; not given, the one of this environment. threads: cores that one picture may use.
        instances: pictures that may be searched at the same time. body: False leaves the body's networks out.
        Raises NotFound if a network is missing, InvalidInput if one is none.
        """
        with ExitStack() as stack:
            networks: dict[str, Runtime] = {}
            for name, path in network_paths(folder, body=body).items():
                networks[name] = load_runtime(path, RUNTIME, threads, instances)
                stack.callback(networks[name].close)
            loaded = cls(networks, thresholds, tight_faces=tight_faces)
            stack.pop_all()
        return loaded

    def close(self) -> None:
        """For who called `load`: frees the networks."""
        for network in self._networks.values():
            network.close()

    @property
    def finds_bodies(self) -> bool:
        """Whether the body's networks are here."""
        return self._bodies is not None

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
        if body and self._bodies is None:
            raise InvalidInput("the body's networks are not here; look for faces alone (body=False)")
        bodies = self._bodies if body else None
        return Tracker(self._faces, bodies, faces, self._thresholds, self._asker, tight=self._tight_faces)


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
        asker: Asker,
        *,
        tight: bool,
    ) -> None:
        """`FaceAndBody.open_stream` makes them."""
        self._faces = faces
        self._bodies = bodies
        self._most_faces = most_faces
        self._thresholds = thresholds
        self._asker = asker
        self._tight = tight
        self._face_rectangles: list[Rectangle] = []
        self._body = BodyTrack()
        self._size: tuple[int, ...] = ()
        self._picture_digest: bytes | None = None

    def find_encoded(self, item: EncodedImage, seconds: float = 1 / 30) -> Searched:
        """As `find`, in a picture file, of which large JPEGs are decoded no larger than `SHORTER_SIDE` needs.

        Where another task of this process has just looked at the same file, at the same place, with the same network,
        what it found is taken; see `pipit.landmarks.memory`. Raises InvalidInput, InputTooLarge.
        """
        picture = decode_with_size(item, shorter_side=SHORTER_SIDE)
        self._picture_digest = hashlib.blake2b(item.data, digest_size=16).digest()
        try:
            return Searched(picture.pixels, self.find(picture.pixels, picture.full_size, seconds))
        finally:
            self._picture_digest = None

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
            seen = self._detect_faces(picture, least, tight=self._tight and not known)
            detected = add_new(held, seen)[len(held) :]
            known += self._look_at_faces(picture, detected, self._most_faces and self._most_faces - len(known))
        known.sort(key=lambda face: -face.bounds.area)
        self._face_rectangles = [face.next_rectangle for face in known]
        return known

    def _detect_faces(self, picture: Picture, least: float, *, tight: bool) -> tuple[Rectangle, ...]:
        key = ("faces", self._faces.digests, least, tight)
        found = self._shared(key, lambda: tuple(self._faces.detect(picture, least, tight=tight)))
        if found or not tight or not self._faces.far_digest:
            return found
        # By itself, so that tasks without such a network share what the quicker one finds.
        far = ("far faces", self._faces.far_digest, least)
        return self._shared(far, lambda: tuple(self._faces.detect_far(picture, least)))

    def _look_at_faces(
        self, picture: Picture, rectangles: Sequence[Rectangle], most: int | None = None
    ) -> list[FacePoints]:
        present: list[FacePoints] = []
        for rectangle in rectangles:
            if most is not None and len(present) == most:
                break
            face = self._shared(("face", self._faces.digests, rectangle), partial(self._faces.look, picture, rectangle))
            if face.presence > self._thresholds.face_presence:
                present.append(face)
        return present

    def _find_body(self, picture: Picture, seconds: float) -> BodyPoints | None:
        if self._bodies is None:
            return None
        body = self._look_at_body(picture, self._body.rectangle)
        if body is None:
            self._body.lose()
            least = self._thresholds.body_detection
            detect = partial(self._bodies.detect, picture, least)
            body = self._look_at_body(picture, self._shared(("bodies", self._bodies.digests, least), detect))
        if body is not None:
            self._body.follow(body, seconds)
        return body

    def _look_at_body(self, picture: Picture, rectangle: Rectangle | None) -> BodyPoints | None:
        if self._bodies is None or rectangle is None:
            return None
        key = ("body", self._bodies.digests, rectangle)
        body = self._shared(key, partial(self._bodies.look, picture, rectangle))
        return body if body.presence > self._thresholds.body_presence else None

    def _shared(self, key: tuple[Hashable, ...], look: Callable[[], T]) -> T:
        """What a network says depends on nothing but the picture and the key, so streams may share it, too."""
        if self._picture_digest is None:
            return look()
        return self._asker.once((self._picture_digest, *key), look, _bytes_of)


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


def _bytes_of(finding: object) -> int:
    """Of one finding, roughly."""
    if isinstance(finding, FacePoints | BodyPoints):
        return finding.points.nbytes + _RECTANGLE
    return _RECTANGLE * (1 + len(finding) if isinstance(finding, tuple) else 1)


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
