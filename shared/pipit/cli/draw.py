"""`pipit classify --draw`: the answer over the picture, so that a person can look.

Boxes and bars are the server's. The points of faces are found here, where the networks for them are installed; not
where the server's own detector has found something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.types import Box, LabelScore, Prediction

LINE, OTHER, POINT, TEXT, SHADE = (255, 196, 0), (150, 130, 70), (0, 220, 130), (255, 255, 255), (0, 0, 0)
"""OTHER: bars of what the answer does not say."""
BAR_SHARE = 0.3
"""Width of a full bar, of the picture's."""
LEAST_TEXT = 10
"""Pixels."""
LINE_HEIGHT = 1.3
"""From one line of text to the next, in heights of the text."""


def draw(source: Path, predictions: Sequence[Prediction], output: Path) -> None:
    """As `draw_over`, with the picture of a file. Raises NotFound for none there, InvalidInput for what is none."""
    try:
        pixels = decode_image(EncodedImage(source.read_bytes()))
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {source}") from error
    draw_over(pixels, predictions, output)


def draw_over(pixels: NDArray[np.uint8], predictions: Sequence[Prediction], output: Path) -> None:
    """Writes RGB `pixels` with each prediction's box and scores to `output`, whose ending names the format.

    Raises InvalidInput for an ending of no format.
    """
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    height = max(LEAST_TEXT, picture.height // 40)
    if all(prediction.region_score is None for prediction in predictions):
        for x, y in _points(pixels):
            pen.point((x, y), POINT)
    free = 0.0
    for prediction in predictions:
        left, top = 0.0, free
        if isinstance(prediction.region, Box):
            box = prediction.region
            left, top = box.left, box.top
            corners = (box.left, box.top, box.left + box.width, box.top + box.height)
            pen.rectangle(corners, outline=LINE, width=max(1, height // 6))
            if prediction.region_score is not None:
                said = f"found {prediction.region_score:.2f}" if prediction.region_score else "nothing found"
                _write(pen, (box.left + 2, box.top + box.height - height * LINE_HEIGHT), said, height)
        else:
            free += (len(prediction.scores) + 0.5 + prediction.unknown) * height * LINE_HEIGHT
        if prediction.unknown:
            # Scores of an unknown face or print say what it is not; they follow below.
            _write(pen, (left + 2, top), "unknown", height)
            top += height * LINE_HEIGHT
        _bars(pen, prediction, left, top, picture.width * BAR_SHARE, height)
    try:
        picture.save(output)
    except ValueError as error:
        raise InvalidInput(f"{output} names no format of pictures; end it in .png or .jpg") from error


def _bars(pen: ImageDraw.ImageDraw, prediction: Prediction, left: float, top: float, width: float, height: int) -> None:
    """width: of a full bar; the brightest is what the answer says. What would leave the picture is moved inside."""
    texts = [_text(score) for score in prediction.scores]
    font, (across, down) = ImageFont.load_default(height), pen.im.size
    widest = max([width, *(pen.textlength(text, font) + 4 for text in texts)])
    left = max(0.0, min(left, across - widest))
    top = max(0.0, min(top, down - len(texts) * height * LINE_HEIGHT))
    for place, (text, score) in enumerate(zip(texts, prediction.scores, strict=True)):
        y = top + place * height * LINE_HEIGHT
        fill = LINE if score.label == prediction.label else OTHER
        pen.rectangle((left, y, left + width * score.score, y + height * 1.2), fill=fill)
        _write(pen, (left + 2, y), text, height)


def _text(score: LabelScore) -> str:
    return f"{score.label} {score.score:.2f}{' experimental' if score.experimental else ''}"


def _write(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, height: int) -> None:
    font, stroke = ImageFont.load_default(height), max(1, height // 10)
    pen.text(place, text, fill=TEXT, font=font, stroke_width=stroke, stroke_fill=SHADE)


def _points(pixels: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Of every face; none where the networks, or what runs them, are not installed."""
    try:
        from pipit.landmarks import FaceAndBody  # noqa: PLC0415 (needs LiteRT, which a client may not have)

        with closing(FaceAndBody.load(body=False)) as networks:
            found = networks.find(pixels, faces=None, body=False)
    except (ModuleNotFoundError, NotFound):
        return []
    return [(float(x), float(y)) for face in found for x, y in face.face.points[:, :2]]
