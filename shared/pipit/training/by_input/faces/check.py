"""Reads every picture of a folder as a trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.training.by_input.faces.labelled import Face
from pipit.training.source_set import Listing


def check_faces(
    folder: Path,
    advance: Advance,
    layout_of: Callable[[Path], str],
    read: Callable[[Path, str], Listing[Face]],
    labels: Sequence[str],
    few: int,
) -> DataReport:
    """Checks a folder in any layout that the task knows.

    layout_of, read: the layout of a folder, and its faces in a layout. labels: what the task tells apart. few: pictures
    of a class under which it is hard to learn. Raises NotFound for no folder or no faces.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the pictures")
    layout = layout_of(folder)
    listing = read(folder, layout)
    if not listing.items and not listing.problems:
        raise NotFound(f"{folder} holds no pictures; put them into one folder per class, for example {labels[0]}/")
    classes: Counter[str] = Counter()
    groups: set[str] = set()
    problems = list(listing.problems)
    for number, face in enumerate(listing.items, 1):
        try:
            if face.path is not None:
                decode_image(EncodedImage(face.path.read_bytes()), shorter_side=1)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{face.path}: {error}")
        else:
            classes[face.label] += 1
            groups.add(face.person or face.name)
        advance(number, len(listing.items))
    notes = [
        f"{label}: only {classes[label]} pictures; {few} or more are needed" for label in labels if classes[label] < few
    ]
    if not any(face.person for face in listing.items):
        notes.append("persons are not known: nearly equal faces are kept together, the same person's others are not")
    return DataReport(
        folder=folder,
        layout=layout,
        classes=dict(sorted(classes.items())),
        recordings=len(groups),
        seconds=0.0,
        problems=tuple(problems),
        notes=tuple(notes),
    )
