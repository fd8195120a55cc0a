"""Shows a detector real photographs of prints that nobody drew boxes in, and what it found in them to people.

Contact sheets: many pictures with boxes on one PNG, to be looked at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pipit.files import write_atomically
from pipit.training.by_input.pictures.listing import Pixels, read_pixels
from pipit.training.progress import Progress
from pipit.types import Box

from footprints.detector.searching import exported_outputs, read_outputs, read_squares
from footprints.prints import FinderSettings, Print

ON_SHEET = 64
COLUMNS, CELL = 8, 150
FOUND, TRUE = "#FFB000", "#00E5FF"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture. found: drawn in yellow with scores; truth: in blue."""

    pixels: Pixels
    found: Sequence[Print] = ()
    truth: Sequence[Box] = ()


def look(
    network: Path, settings: FinderSettings, photographs: Sequence[Path], seed: int, progress: Progress
) -> tuple[int, list[Entry]]:
    """In how many photographs a print is found, and some drawn at random, whatever is found in them.

    photographs: of prints, that neither trained nor chose the threshold.
    """
    squares, placements = read_squares(photographs, settings.size)
    with progress.track("looking at real photographs", len(photographs)) as bar:
        found = read_outputs(exported_outputs(network, squares, bar.advance), placements, settings)
    order = np.random.default_rng(seed).permutation(len(photographs))[:ON_SHEET]
    return sum(map(bool, found)), [Entry(read_pixels(photographs[i]), found[i]) for i in order]


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
