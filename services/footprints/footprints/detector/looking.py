"""Shows a detector real pictures that nobody drew boxes in, and what it found in them to people.

Photographs of prints, and pictures without any. Contact sheets: many pictures with boxes on one PNG, to be looked at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pipit.errors import InputTooLarge, InvalidInput
from pipit.files import write_atomically
from pipit.training.by_input.pictures.listing import Pixels, read_pixels
from pipit.training.progress import Progress
from pipit.types import Box

from footprints.detector.recipe import DetectorRecipe
from footprints.detector.searching import exported_outputs, read_outputs, read_squares
from footprints.photographs import pictures_without_prints
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


@dataclass(frozen=True, slots=True)
class Looked:
    """found: of so many photographs, those in which a print is found; false: of so many pictures without prints.

    shown: of photographs drawn at random, whatever is found in them.
    """

    photographs: int
    found: int
    without: int
    false: int
    shown: list[Entry]


def look(
    network: Path,
    settings: FinderSettings,
    photographs: Sequence[Path],
    recipe: DetectorRecipe,
    data: Path | None,
    progress: Progress,
) -> Looked:
    """photographs: that neither trained nor chose the threshold."""
    without = _without_prints(recipe, data)
    prints = _search(network, settings, photographs, "looking at real photographs", progress)
    nothing = _search(network, settings, without, "looking at pictures without prints", progress)
    order = np.random.default_rng(recipe.seed).permutation(len(photographs))[:ON_SHEET]
    return Looked(
        photographs=len(photographs),
        found=sum(map(bool, prints)),
        without=len(without),
        false=sum(map(bool, nothing)),
        shown=[Entry(read_pixels(photographs[i]), prints[i]) for i in order],
    )


def write_sheet(path: Path, entries: Sequence[Entry], columns: int = COLUMNS) -> None:
    """Row by row."""
    rows = -(-len(entries) // columns)
    sheet = Image.new("RGB", (columns * CELL, max(rows, 1) * CELL), "white")
    for index, entry in enumerate(entries):
        sheet.paste(_cell(entry), ((index % columns) * CELL, (index // columns) * CELL))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    write_atomically(path, buffer.getvalue())


def _search(
    network: Path, settings: FinderSettings, paths: Sequence[Path], text: str, progress: Progress
) -> list[tuple[Print, ...]]:
    if not paths:
        return []
    squares, placements = read_squares(paths, settings.size)
    with progress.track(text, len(paths)) as bar:
        return read_outputs(exported_outputs(network, squares, bar.advance), placements, settings)


def _without_prints(recipe: DetectorRecipe, data: Path | None) -> list[Path]:
    """Drawn by the seed, about as many from each folder; what can't be read is left out."""
    generator = np.random.default_rng(recipe.seed)
    folders = list(pictures_without_prints(data, recipe.looking.without_prints).values())
    share = -(-recipe.looking.pictures // max(len(folders), 1))
    chosen = [paths[i] for paths in folders for i in generator.permutation(len(paths))[:share]]
    return [path for path in chosen[: recipe.looking.pictures] if _is_readable(path)]


def _is_readable(path: Path) -> bool:
    try:
        read_pixels(path)
    except (InvalidInput, InputTooLarge, OSError):
        return False
    return True


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
