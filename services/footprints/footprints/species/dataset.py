"""Reads labelled pictures of prints in two layouts, and gives each its side.

    split       [cropped_imgs/]{train,val,test}/<class>/<picture>     as OpenAnimalTracks (https://arxiv.org/abs/2406.09647)
    unsplit     <class>/<picture>

What validates picks the epoch and the thresholds, what tests is looked at once. A split without `test/` therefore tests
on its `val/` and validates on a share of `train/`; without `val/`, the same share of `train/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipit.errors import InvalidInput

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
"""What the device reads."""
FOLDERS: Mapping[str, str] = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}
"""Folders of a split, with the sides that they are."""
INNER = "cropped_imgs"
"""Where OpenAnimalTracks keeps single prints, beside whole scenes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled file.

    name: the same on every machine. source: its data set, as the recipe names it. side: the one that its data set gives
    it, "" if that leaves it open.
    """

    path: Path
    name: str
    label: str
    source: str
    side: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a data set holds. problems: a line for each entry that is no picture."""

    pictures: tuple[Picture, ...]
    problems: tuple[str, ...]


def read_dataset(folder: Path, source: str, rename: Mapping[str, str]) -> Listing:
    """Lists the pictures of `folder`, whichever layout it has. rename: classes by their name there.

    Raises InvalidInput for a split without anything to train on.
    """
    root = folder / INNER if (folder / INNER).is_dir() else folder
    parts = [path for path in _folders(root) if path.name in FOLDERS]
    if not parts:
        return _classes(root, folder.name, source, "", rename)
    if not any(FOLDERS[path.name] == "train" for path in parts):
        raise InvalidInput(f"{root} is split, but has no folder train/; put one folder a class into it")
    sides = {FOLDERS[path.name] for path in parts}
    stray = [path for path in sorted(root.iterdir()) if path not in parts and not path.name.startswith(".")]
    found = [
        _classes(path, f"{folder.name}/{path.name}", source, _side(FOLDERS[path.name], sides), rename) for path in parts
    ]
    beside = tuple(f"{path}: lies beside train/ and is not used" for path in stray if path.is_dir())
    return Listing(
        tuple(picture for listing in found for picture in listing.pictures),
        (*beside, *(problem for listing in found for problem in listing.problems)),
    )


def _side(name: str, sides: set[str]) -> str:
    """Of a folder: what trains may have to give some up, so its side is open if nothing else validates."""
    if "test" not in sides:
        return "test" if name == "validation" else ""
    if "validation" not in sides:
        return "test" if name == "test" else ""
    return name


def _classes(folder: Path, prefix: str, source: str, side: str, rename: Mapping[str, str]) -> Listing:
    pictures, problems = [], []
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            problems.append(f"{path}: {path.suffix or 'no ending'} is no picture; use {', '.join(ENDINGS)}")
            continue
        label = path.parent.name
        pictures.append(Picture(path, f"{prefix}/{label}/{path.name}", rename.get(label, label), source, side))
    return Listing(tuple(pictures), tuple(problems))


def _folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir()]
