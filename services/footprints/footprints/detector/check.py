"""Reads every picture and every box of a folder as the trainer would: `pipit data check footprints.detector`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import NotFound

from footprints.detector.labels import LABEL, SIDES, read_set

FEW = 300
"""Boxes to train on; with fewer, little is learnt."""


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """Checks a folder in YOLO's layout. Raises NotFound for no folder or `data.yaml`, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds data.yaml, images/ and labels/")
    found = read_set(folder, advance)
    with_boxes = sum(bool(picture.boxes) for picture in found.pictures)
    boxes = Counter(picture.side for picture in found.pictures for _ in picture.boxes)
    notes = [f"{name}: {boxes[side]} boxes" for side, name in SIDES.items()]
    if boxes["train"] < FEW:
        notes.append(f"only {boxes['train']} boxes to train on; {FEW} or more are needed")
    return DataReport(
        folder=folder,
        layout="yolo",
        classes={LABEL: with_boxes, f"without {LABEL}": len(found.pictures) - with_boxes},
        recordings=len({picture.source for picture in found.pictures}),
        seconds=0.0,
        problems=found.problems,
        notes=tuple(notes),
    )
