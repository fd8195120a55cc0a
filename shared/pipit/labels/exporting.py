"""A data set as files: a folder, or a zip of it; whole, or not there at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipit.errors import AlreadyExists
from pipit.files import beside, room_for
from pipit.labels.formats import ReadContent, format_named
from pipit.labels.formats.archive import pack
from pipit.labels.types import LabelSet


def export_set(frozen: LabelSet, notation: str, read_content: ReadContent, out: Path) -> list[str]:
    """Writes `out`, a zip file if it is named so, else a folder. Gives a line for each item that is left out.

    Raises NotFound for an unknown format, AlreadyExists if `out` is there, Unavailable if the disk is full.
    """
    chosen = format_named(notation)
    if out.exists():
        raise AlreadyExists(f"{out} is there already; name another, or take it away")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = beside(out)
    part.mkdir()
    try:
        with room_for(out):
            problems = chosen.write(frozen, read_content, part)
            if out.suffix.lower() == ".zip":
                pack(part, out)
            else:
                part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return problems
