"""`pipit classify --draw`: the answer over the picture, so that a person can look.

Boxes and bars are the server's. The points are found here, where the networks for them are installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.pipelines import Box, Prediction

LINE, POINT, TEXT, SHADE = (255, 196, 0), (0, 220, 130), (255, 255, 255), (0, 0, 0)
BAR_SHARE = 0.3
"""Width of a full bar, of the picture's."""
LEAST_TEXT = 10
"""Pixels."""


def draw(source: Path, predictions: Sequence[Prediction], output: Path) -> None:
    """Writes `source` with each prediction's box and scores to `output`, whose ending names the format.

    Raises NotFound for no picture there, InvalidInput for what is no picture or an ending of no format.
    """
    try:
        pixels = decode_image(EncodedImage(source.read_bytes()))
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {source}") from error
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    height = max(LEAST_TEXT, picture.height // 40)
    for x, y in _points(pixels):
        pen.point((x, y), POINT)
    for prediction in predictions:
        left, top = 0.0, 0.0
        if isinstance(prediction.region, Box):
            box = prediction.region
            left, top = box.left, box.top
            corners = (box.left, box.top, box.left + box.width, box.top + box.height)
            pen.rectangle(corners, outline=LINE, width=max(1, height // 6))
        _bars(pen, prediction, max(0.0, left), max(0.0, top), picture.width * BAR_SHARE, height)
    try:
        picture.save(output)
    except ValueError as error:
        raise InvalidInput(f"{output} names no format of pictures; end it in .png or .jpg") from error


def _bars(pen: ImageDraw.ImageDraw, prediction: Prediction, left: float, top: float, width: float, height: int) -> None:
    font = ImageFont.load_default(height)
    for place, score in enumerate(prediction.scores):
        y = top + place * height * 1.3
        pen.rectangle((left, y, left + width * score.score, y + height * 1.2), fill=LINE)
        pen.text(
            (left + 2, y),
            f"{score.label} {score.score:.2f}",
            fill=TEXT,
            font=font,
            stroke_width=max(1, height // 10),
            stroke_fill=SHADE,
        )


def _points(pixels: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Of every face; none where the networks, or what runs them, are not installed."""
    try:
        from pipit.inputs.landmarks import FaceAndBody  # noqa: PLC0415 (needs LiteRT, which a client may not have)

        found = FaceAndBody().find(pixels, faces=None, body=False)
    except (ModuleNotFoundError, NotFound):
        return []
    return [(float(x), float(y)) for face in found for x, y in face.face.points[:, :2]]
