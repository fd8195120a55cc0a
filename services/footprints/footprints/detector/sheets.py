"""Contact sheets: many pictures with boxes on one PNG, to be looked at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pipit.files import write_atomically
from pipit.types import Box

from footprints.prints import Print

COLUMNS, CELL = 8, 150
FOUND, TRUE = "#FFB000", "#00E5FF"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture. found: drawn in yellow with scores; truth: in blue."""

    pixels: NDArray[np.uint8]
    found: Sequence[Print] = ()
    truth: Sequence[Box] = ()


def write_sheet(path: Path, entries: Sequence[Entry], columns: int = COLUMNS) -> None:
    """Row by row."""
    rows = -(-len(entries) // columns)
    sheet = Image.new("RGB", (columns * CELL, max(rows, 1) * CELL), "white")
    for index, entry in enumerate(entries):
        sheet.paste(_cell(entry), ((index % columns) * CELL, (index // columns) * CELL))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    write_atomically(path, buffer.getvalue())


def _cell(entry: Entry) -> Image.Image:
    height, width, _ = entry.pixels.shape
    scale = (CELL - 4) / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    image = Image.fromarray(entry.pixels).resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(10)
    for box in entry.truth:
        pen.rectangle(_corners(box, scale), outline=TRUE)
    for one in entry.found:
        corners = _corners(one.box, scale)
        pen.rectangle(corners, outline=FOUND, width=2)
        pen.text(
            (corners[0] + 3, corners[1] + 1),
            f"{one.score:.2f}",
            fill="white",
            font=font,
            stroke_width=1,
            stroke_fill="black",
        )
    return image


def _corners(box: Box, scale: float) -> tuple[float, float, float, float]:
    return box.left * scale, box.top * scale, (box.left + box.width) * scale - 1, (box.top + box.height) * scale - 1
