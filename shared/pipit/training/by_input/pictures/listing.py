"""Lists labelled pictures in two layouts, and gives each its side.

    split       {train,val,test}/<class>/<picture>
    unsplit     <class>/<picture>

What validates picks the epoch and the thresholds, what tests is looked at once. A split without `test/` therefore tests
on its `val/` and validates on a share of `train/`; without `val/`, the same share of `train/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from pipit.data.duplicates import Hash
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.inputs.suffixes import PICTURES
from pipit.labels.formats.contents import groups_in
from pipit.training.recipe import LabelData
from pipit.training.source_set import Listing

FOLDERS: Mapping[str, str] = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}
"""Folders of a split, with the sides that they are."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture's file gave when it was read. crop: name of the file that keeps it; facts: of JSON's types."""

    hash: Hash
    crop: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled file.

    name: the same on every machine. source: its data set, as the recipe names it. side: the one that its data set gives
    it, "" if that leaves it open. seen: None before it was read. group: pictures that share it belong
    together; "": it stands alone.
    """

    path: Path
    name: str
    label: str
    source: str
    side: str = ""
    seen: Seen | None = field(default=None, compare=False)
    group: str = ""


def read_pictures(folder: Path, source: str, rename: Mapping[str, str], inner: str = "") -> Listing[Picture]:
    """Lists the pictures of `folder`, whichever layout it has. rename: classes by their name there.

    inner: a folder in it that is taken in its place, where there is one. Raises InvalidInput for a split without
    anything to train on.
    """
    root = folder / inner if inner and (folder / inner).is_dir() else folder
    parts = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name in FOLDERS]
    if not parts:
        return _listing(*_classes(root, folder.name, source, "", rename))
    if not any(FOLDERS[path.name] == "train" for path in parts):
        raise InvalidInput(f"{root} is split, but has no folder train/; put one folder a class into it")
    sides = {FOLDERS[path.name] for path in parts}
    stray = [path for path in sorted(root.iterdir()) if path not in parts and not path.name.startswith(".")]
    found = [
        _classes(path, f"{folder.name}/{path.name}", source, _side(FOLDERS[path.name], sides), rename) for path in parts
    ]
    beside = [f"{path}: lies beside train/ and is not used" for path in stray if path.is_dir()]
    return _listing(
        [picture for pictures, _ in found for picture in pictures],
        [*beside, *(problem for _, problems in found for problem in problems)],
    )


def read_labelled(folder: Path, source: LabelData) -> Listing[Picture]:
    """Lists a data set of people's labels: `<class>/<picture>`, and groups in `recordings.csv`."""
    pictures, problems = _classes(folder, folder.name, source.path, "train" if source.train_only else "", {})
    groups = groups_in(folder, problems)
    named = [
        replace(one, label=unquote(one.label), group=groups.get(one.path.relative_to(folder).as_posix(), ""))
        for one in pictures
    ]
    return _listing(named, problems)


def read_pixels(path: Path, shorter_side: int | None = None, smallest: int = 1) -> Pixels:
    """Decoded as the device decodes it: RGB, uint8, (height, width, 3).

    shorter_side: a larger JPEG may be decoded at a scale that leaves it so many pixels. smallest: that it needs.
    Raises InvalidInput, InputTooLarge, OSError for a file that can't be used.
    """
    pixels = decode_image(EncodedImage(path.read_bytes()), shorter_side=shorter_side)
    if min(pixels.shape[:2]) < smallest:
        raise InvalidInput(f"only {min(pixels.shape[:2])} pixels on its shorter side; {smallest} are needed")
    return pixels


def pictures_below(folder: Path) -> list[Path]:
    """Every picture at any depth, sorted; none where there is no such folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())


def _listing(pictures: list[Picture], problems: list[str]) -> Listing[Picture]:
    return Listing(tuple(pictures), {picture.name: picture.path for picture in pictures}, tuple(problems))


def _side(name: str, sides: set[str]) -> str:
    """Of a folder: what trains may have to give some up, so its side is open if nothing else validates."""
    if "test" not in sides:
        return "test" if name == "validation" else ""
    if "validation" not in sides:
        return "test" if name == "test" else ""
    return name


def _classes(
    folder: Path, prefix: str, source: str, side: str, rename: Mapping[str, str]
) -> tuple[list[Picture], list[str]]:
    pictures, problems = [], []
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        if path.suffix.lower() not in PICTURES or not path.is_file():
            problems.append(f"{path}: {path.suffix or 'no ending'} is no picture; use {', '.join(sorted(PICTURES))}")
            continue
        label = path.parent.name
        pictures.append(Picture(path, f"{prefix}/{label}/{path.name}", rename.get(label, label), source, side))
    return pictures, problems
