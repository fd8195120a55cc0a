"""A face as an embedder was taught to see it: its eyes, nose and mouth where the template has them.

    468 points -> key points -> similarity that brings them to the template (least squares) -> chip

Sources: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991). The
templates are InsightFace's for 112 x 112 (ArcFace), dlib's mean shape of five points with a margin of a quarter, and,
for FaceNet, ArcFace's scaled to 160 x 160.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipit.errors import InvalidInput

Points = NDArray[np.float64]
"""x and y in pixels, shape (n, 2); a whole number is the middle of a pixel."""
Chip = NDArray[np.uint8]
"""An aligned face, RGB, shape (height, width, 3)."""

KEY_POINTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "left_eye": (33, 133),
        "right_eye": (362, 263),
        "nose_tip": (1,),
        "nose_base": (2,),
        "left_mouth": (61,),
        "right_mouth": (291,),
        "left_eye_outer": (33,),
        "left_eye_inner": (133,),
        "right_eye_inner": (362,),
        "right_eye_outer": (263,),
    }
)
"""Which of the 468 points a key point is the mean of. Left is left in the picture."""
FIVE = ("left_eye", "right_eye", "nose_tip", "left_mouth", "right_mouth")
"""What most networks for faces call the five points, in their order."""
_SPARE = 3.0
"""Pixels around what the chip shows that interpolation reads."""
_LEAST_SCALE = 1e-3
"""Pixels of the chip for one of the picture."""


@dataclass(frozen=True, slots=True)
class ChipTemplate:
    """width, height: of the chip, pixels. places: where each key point belongs in it, by name, x and y in pixels."""

    name: str
    width: int
    height: int
    places: Mapping[str, tuple[float, float]]

    @property
    def eyes_apart(self) -> float:
        """Pixels between the middles of the eyes in a chip."""
        left, right = (np.mean([self.places[name] for name in _eye(side, self.places)], axis=0) for side in _SIDES)
        return math.dist(left, right)

    def cut(self, width: int, height: int) -> ChipTemplate:
        """The middle of it, as for a network that was taught narrower pictures. Raises InvalidInput if it is larger."""
        if not (0 < width <= self.width and 0 < height <= self.height):
            raise InvalidInput(f"a chip of {self.name} is at most {self.width} x {self.height}, not {width} x {height}")
        across, down = (self.width - width) / 2, (self.height - height) / 2
        places = {name: (x - across, y - down) for name, (x, y) in self.places.items()}
        return ChipTemplate(self.name, width, height, MappingProxyType(places))


_SIDES = ("left", "right")


def _eye(side: str, places: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    whole = f"{side}_eye"
    return (whole,) if whole in places else (f"{whole}_outer", f"{whole}_inner")


def _arcface(size: int) -> Mapping[str, tuple[float, float]]:
    places = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
    # The middle of a pixel of the larger chip is no multiple of the smaller one's.
    ratio = size / 112
    return MappingProxyType(
        {name: ((x + 0.5) * ratio - 0.5, (y + 0.5) * ratio - 0.5) for name, (x, y) in zip(FIVE, places, strict=True)}
    )


def _dlib(size: int, margin: float) -> Mapping[str, tuple[float, float]]:
    mean_shape = {
        "right_eye_outer": (0.8595674595992, 0.2134981538014),
        "right_eye_inner": (0.6460604764104, 0.2289674387677),
        "left_eye_outer": (0.1205750620789, 0.2137274526848),
        "left_eye_inner": (0.3340850613712, 0.2290642403242),
        "nose_base": (0.4901123135679, 0.6277975316475),
    }
    scale = size / (1 + 2 * margin)
    return MappingProxyType({name: ((x + margin) * scale, (y + margin) * scale) for name, (x, y) in mean_shape.items()})


TEMPLATES: Mapping[str, ChipTemplate] = MappingProxyType(
    {
        template.name: template
        for template in (
            ChipTemplate("arcface", 112, 112, _arcface(112)),
            ChipTemplate("dlib", 150, 150, _dlib(150, 0.25)),
            ChipTemplate("facenet", 160, 160, _arcface(160)),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Similarity:
    """Turns, scales and moves points: x' = a x - b y + right, y' = b x + a y + down; never mirrors them."""

    a: float
    b: float
    right: float
    down: float

    @property
    def scale(self) -> float:
        """Lengths after over lengths before."""
        return math.hypot(self.a, self.b)

    @property
    def degrees(self) -> float:
        """Turned clockwise as seen in a picture, whose y grows downwards."""
        return math.degrees(math.atan2(self.b, self.a))

    def apply(self, points: Points) -> Points:
        """points: shape (n, 2)."""
        x, y = points[:, 0], points[:, 1]
        return np.stack([self.a * x - self.b * y + self.right, self.b * x + self.a * y + self.down], axis=1)

    def of_larger(self, ratio: float) -> Similarity:
        """The same, from a picture that is `ratio` times as large to the same chip."""
        # A pixel of the smaller picture is `ratio` pixels wide; its middle lies between them.
        shift = 0.5 - 0.5 / ratio
        right = self.right - (self.a - self.b) * shift
        down = self.down - (self.b + self.a) * shift
        return Similarity(self.a / ratio, self.b / ratio, right, down)

    def inverse(self) -> Similarity:
        """The way back."""
        square = self.scale**2
        a, b = self.a / square, -self.b / square
        return Similarity(a, b, -(a * self.right - b * self.down), -(b * self.right + a * self.down))


def key_points(points: NDArray[np.floating], names: tuple[str, ...] = FIVE) -> Points:
    """points: of a face, shape (468, 2 or more). Gives float64, shape (names, 2), in the same pixels."""
    return np.stack([points[list(KEY_POINTS[name]), :2].astype(np.float64).mean(axis=0) for name in names])


def estimate_similarity(source: Points, target: Points) -> Similarity:
    """The similarity that brings `source` nearest to `target` by least squares; both of shape (n, 2), n >= 2.

    Raises InvalidInput where all points of `source` lie in one place.
    """
    source_middle, target_middle = source.mean(axis=0), target.mean(axis=0)
    x, y = (source - source_middle).T
    across, down = (target - target_middle).T
    spread = float((x * x + y * y).sum())
    if not spread > np.finfo(np.float64).tiny:
        raise InvalidInput("the points of the face lie in one place; there is no face to align")
    # In two dimensions and without mirroring, Umeyama's decomposition comes down to two sums.
    a = float((x * across + y * down).sum()) / spread
    b = float((x * down - y * across).sum()) / spread
    turned_x = a * source_middle[0] - b * source_middle[1]
    turned_y = b * source_middle[0] + a * source_middle[1]
    return Similarity(a, b, float(target_middle[0] - turned_x), float(target_middle[1] - turned_y))


def similarity_to(template: ChipTemplate, points: NDArray[np.floating]) -> Similarity:
    """From the picture to the chip. points: of a face, shape (468, 2 or more), in pixels of the picture."""
    source = key_points(points, tuple(template.places))
    return estimate_similarity(source, np.array(list(template.places.values()), np.float64))


def cut_chip(picture: NDArray[np.uint8], similarity: Similarity, width: int, height: int) -> Chip:
    """What the similarity brings into a chip of `width` x `height`. Beyond the picture its border pixels go on.

    picture: RGB, shape (height, width, 3). A face that is larger than the chip is first scaled down with an
    antialiasing filter. Raises InvalidInput for a face of next to no, or of boundless size.
    """
    scale = similarity.scale
    if not _LEAST_SCALE < scale < 1 / _LEAST_SCALE:
        raise InvalidInput(f"the face would have to be scaled by {scale:g}; there is no face to align")
    back = similarity.inverse()
    outer = (-0.5, width - 0.5), (-0.5, height - 0.5)
    corners = back.apply(np.array([(x, y) for x in outer[0] for y in outer[1]]))
    spare = _SPARE * max(1.0, 1 / scale)
    left, top = np.floor(corners.min(axis=0) - spare).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + spare).astype(int) + 1
    part = Image.fromarray(_part(picture, left, top, right, bottom))
    across, down = 1.0, 1.0
    if scale < 1.0:
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        across, down = size[0] / part.width, size[1] / part.height
        part = part.resize(size, Image.Resampling.BILINEAR)
    # Pillow counts from the outer edge of the first pixel: half a pixel further on than points do.
    start_x = back.right - 0.5 * back.a + 0.5 * back.b + 0.5 - left
    start_y = back.down - 0.5 * back.b - 0.5 * back.a + 0.5 - top
    coefficients = (
        *(back.a * across, -back.b * across, start_x * across),
        *(back.b * down, back.a * down, start_y * down),
    )
    return np.asarray(part.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR))


def _part(picture: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    """Columns `left` to `right` and rows `top` to `bottom`, border pixels repeated."""
    height, width = picture.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.ascontiguousarray(picture[top:bottom, left:right])
    columns = np.clip(np.arange(left, right), 0, width - 1)
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    return picture[rows[:, np.newaxis], columns]
