"""Pictures with boxes in YOLO's own layout: read, checked (`pipit data check footprints.detector`) and written.

    data.yaml          train: images/train    val: images/val    test: images/test    names: [print]
    images/<side>/*    pictures
    labels/<side>/*    a text file of the same name for each, `class x y width height` a line: the box's centre and size
                       in shares of the picture. Empty, or not there: nothing is to be found in the picture.
    sources.json       may be there: by a picture's name in the folder the name of what it shows. Pictures of one source
                       count as one where the certainty of a measured number is told.

Source: https://docs.ultralytics.com/datasets/detect/
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pipit.data.check import Advance, DataReport
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_with_size
from pipit.inputs.media import HEAD, media_of
from pipit.inputs.suffixes import PICTURES
from pipit.plain_yaml import dump_plain_yaml
from pipit.types import Box

LABEL = "print"
DATA_FILE, SOURCES_FILE = "data.yaml", "sources.json"
SIDES: Mapping[str, str] = {"train": "train", "validation": "val", "test": "test"}
"""Sides of a split, by the names that YOLO has for them."""
TOLERANCE = 1e-3
"""Share of the picture by which rounding may push a box over its edge."""
FEW = 300
"""Boxes to train on; with fewer, little is learnt."""

ENDINGS = {"BMP": ".bmp", "JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WebP": ".webp"}
"""How pictures of a format have to end for ultralytics to read them. Others it passes over in silence."""
_COMPANIONS = frozenset({"classes.txt", "obj.names.txt", "notes.txt", "readme.txt"})
"""Lower case. What label tools write beside the boxes."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture. source: what it shows, its own name if nobody said. size: width and height; boxes: in its pixels.

    kind: of a real picture without a print, what it is a picture of; empty for those that prints are learnt from.
    """

    path: Path
    side: str
    source: str
    size: tuple[int, int]
    boxes: tuple[Box, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """pictures: sorted by side and name. problems: a line for each picture, file or line that can't be used."""

    pictures: tuple[LabelledPicture, ...]
    problems: tuple[str, ...]


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


def set_files(folder: Path) -> dict[str, Path]:
    """Every file of the set by its name in `folder`. Raises NotFound, InvalidInput for a wrong `data.yaml`."""
    files = {DATA_FILE: folder / DATA_FILE}
    if (folder / SOURCES_FILE).is_file():
        files[SOURCES_FILE] = folder / SOURCES_FILE
    for images in _image_folders(folder).values():
        for path in _pictures(images):
            files[path.relative_to(folder).as_posix()] = path
            labels = _label_file(path)
            if labels.is_file():
                files[labels.relative_to(folder).as_posix()] = labels
    return files


def count_pictures(folder: Path) -> int:
    """Pictures of all sides. Raises as `set_files`."""
    return sum(len(_pictures(images)) for images in _image_folders(folder).values())


def read_set(folder: Path, advance: Callable[[int, int], None] = lambda _done, _all: None) -> LabelledSet:
    """Reads every picture and every box. advance: called with the pictures that are read and the pictures there are.

    Raises NotFound for no `data.yaml`, InvalidInput for a wrong one.
    """
    folders = _image_folders(folder)
    sides = {side: _pictures(images) for side, images in folders.items()}
    sources = _read_sources(folder / SOURCES_FILE)
    total, done = sum(map(len, sides.values())), 0
    pictures: list[LabelledPicture] = []
    problems: list[str] = []
    for side, paths in sides.items():
        stems = {path.stem for path in paths}
        for path in paths:
            name = path.relative_to(folder).as_posix()
            picture, found = _read_picture(path, side, sources.get(name, name))
            problems += found
            pictures += [picture] if picture is not None else []
            done += 1
            advance(done, total)
        for stray in _strays(_label_file(folders[side] / "any.jpg").parent, stems):
            problems.append(f"{stray}: there is no picture of this name; add it, or delete the boxes")
    return LabelledSet(tuple(pictures), tuple(problems))


def _strays(labels: Path, stems: set[str]) -> list[Path]:
    """Files of boxes without a picture. What label tools and Macs leave beside them is passed over."""
    if not labels.is_dir():
        return []
    files = (path for path in labels.iterdir() if path.suffix.lower() == ".txt" and not path.name.startswith("."))
    return sorted(path for path in files if path.stem not in stems and path.name.lower() not in _COMPANIONS)


def parse_boxes(text: str, where: Path, width: int, height: int) -> tuple[list[Box], list[str]]:
    """Boxes in pixels, and a line for each line that is wrong. where: for the message."""
    boxes, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            box = _parse_line(line.split(), width, height)
        except ValueError as error:
            problems.append(f"{where}:{number}: {error}")
            continue
        if box in boxes:
            problems.append(f"{where}:{number}: the same box as before; delete one of them")
        boxes.append(box)
    return boxes, problems


def format_boxes(boxes: Sequence[Box], width: int, height: int) -> str:
    """What `parse_boxes` reads, one line a box."""
    return "".join(
        f"0 {(box.left + box.width / 2) / width:.6f} {(box.top + box.height / 2) / height:.6f} "
        f"{box.width / width:.6f} {box.height / height:.6f}\n"
        for box in boxes
    )


def data_file() -> bytes:
    """`data.yaml` of a set with the three sides."""
    return dump_plain_yaml({**{name: f"images/{name}" for name in SIDES.values()}, "names": [LABEL]}).encode()


def _parse_line(words: Sequence[str], width: int, height: int) -> Box:
    if len(words) != 5:
        raise ValueError(f"has {len(words)} words; write `class x y width height`")
    if words[0] != "0":
        raise ValueError(f"class {words[0]!r} is not known; the only one is 0, {LABEL}")
    try:
        x, y, across, down = (float(word) for word in words[1:])
    except ValueError:
        raise ValueError(f"{' '.join(words[1:])!r} are not four numbers") from None
    if not all(math.isfinite(value) for value in (x, y, across, down)):
        raise ValueError("a value is no finite number")
    if max(x, y, across, down) > 1 + TOLERANCE:
        raise ValueError(f"{max(x, y, across, down):g} is over 1; values are shares of the picture, not pixels")
    if across <= 0 or down <= 0:
        raise ValueError(f"a box of {across:g} x {down:g} has no area")
    edges = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
    if min(edges) < -TOLERANCE or max(edges) > 1 + TOLERANCE:
        raise ValueError("the box hangs over the picture's edge; x and y are its centre")
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    return Box(left * width, top * height, (right - left) * width, (bottom - top) * height)


def _read_picture(path: Path, side: str, source: str) -> tuple[LabelledPicture | None, list[str]]:
    try:
        data = path.read_bytes()
        picture = decode_with_size(EncodedImage(data))
    except (InvalidInput, InputTooLarge, OSError) as error:
        return None, [f"{path}: {error}"]
    if (name := media_of(data[:HEAD]).name) not in ENDINGS:
        return None, [f"{path}: {name} is not read by the trainer of detectors; save it as JPEG or PNG"]
    labels = _label_file(path)
    try:
        text = labels.read_text(encoding="utf-8-sig") if labels.is_file() else ""
    except (UnicodeDecodeError, OSError) as error:
        return None, [f"{labels}: can't be read as text: {error}"]
    boxes, problems = parse_boxes(text, labels, *picture.full_size)
    return (None if problems else LabelledPicture(path, side, source, picture.full_size, tuple(boxes))), problems


def _read_sources(path: Path) -> dict[str, str]:
    try:
        given = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise InvalidInput(f"{path} has to map names of pictures to names of what they show")
    return given


def _image_folders(folder: Path) -> dict[str, Path]:
    path = folder / DATA_FILE
    try:
        given: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"{path} is not there; it names the folders of pictures: train, val and test") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error
    if not isinstance(given, dict):
        raise InvalidInput(f"{path} has to be a mapping with train, val, test and names")
    names = given.get("names")
    names = list(names.values()) if isinstance(names, dict) else names
    if not isinstance(names, list) or len(names) != 1:
        raise InvalidInput(f"{path}: names has to hold one class, for example names: [{LABEL}]; it holds {names}")
    return {side: _image_folder(path, name, given.get(name)) for side, name in SIDES.items()}


def _image_folder(path: Path, name: str, given: object) -> Path:
    if not isinstance(given, str):
        raise InvalidInput(f"{path} lacks {name!r}; training needs train, val and test, each a folder of pictures")
    if Path(given).parts[:1] != ("images",) or ".." in Path(given).parts:
        raise InvalidInput(f"{path}: {name} is {given!r}; name a folder under images/, with its boxes under labels/")
    if not (path.parent / given).is_dir():
        raise NotFound(f"{path}: {name} is {given!r}, but there is no folder {path.parent / given}")
    return path.parent / given


def _pictures(images: Path) -> list[Path]:
    files = (path for path in images.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
    return sorted(path for path in files if not path.name.startswith("."))


def _label_file(picture: Path) -> Path:
    """As YOLO finds it: the last `images` of the path becomes `labels`; its ending may be in capitals."""
    parts = list(picture.parts)
    last = len(parts) - 1 - parts[::-1].index("images")
    parts[last] = "labels"
    path = Path(*parts).with_suffix(".txt")
    capitals = path.with_suffix(".TXT")
    return capitals if not path.exists() and capitals.exists() else path
