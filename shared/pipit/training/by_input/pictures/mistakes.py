"""A contact sheet of the worst mistakes: crops that the network was surest of, and wrong.

It stays in the run folder. A bundle is passed on, and the photographs are not ours to pass on.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipit.files import write_atomically

SIDE, CAPTION, COLUMNS, ROWS = 150, 26, 6, 4
"""Pixels of a crop and of the lines under it; crops."""


def write_contact_sheet(
    path: Path,
    pixels: NDArray[np.uint8],
    truth: NDArray[np.int64],
    scores: NDArray[np.float32],
    labels: Sequence[str],
) -> int:
    """Writes a PNG of up to 24 mistakes, worst first, and gives how many. pixels: uint8, (rows, side, side, 3)."""
    best = scores.argmax(axis=1)
    surer = scores.max(axis=1) - scores[np.arange(len(truth)), truth]
    wrong = [int(i) for i in np.argsort(-surer, kind="stable") if best[i] != truth[i]][: COLUMNS * ROWS]
    rows = max(1, -(-len(wrong) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * (SIDE + CAPTION)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, index in enumerate(wrong):
        left, top = number % COLUMNS * SIDE, number // COLUMNS * (SIDE + CAPTION)
        sheet.paste(Image.fromarray(pixels[index]).resize((SIDE - 4, SIDE - 4)), (left + 2, top + 2))
        draw.text((left + 4, top + SIDE - 1), f"is {labels[truth[index]]}", fill="black")
        said = f"said {labels[best[index]]} {scores[index, best[index]]:.2f}"
        draw.text((left + 4, top + SIDE + 11), said, fill=(160, 60, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    return len(wrong)
