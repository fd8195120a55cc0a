"""YOLO's boxes: `data.yaml` with the names, pictures in `images/`, and beside them a text a picture in `labels/`.

    0 0.5 0.5 0.25 0.5        class, then middle, width and height as shares of the picture

What is held out lies in `images/test`, the rest in `images/train`; nothing is set aside to choose by. Roboflow's
`train/images`, `train/labels` are read as well. Source: https://docs.ultralytics.com/datasets/detect/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipit.errors import InvalidInput, NotFound
from pipit.files import write_atomically
from pipit.labels.formats.contents import (
    below,
    box,
    groups_in,
    number,
    picture_size,
    pictures_below,
    read_list,
    text,
    write_pictures,
)
from pipit.labels.formats.folder import write_groups
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelledBox, LabelSet, SetItem
from pipit.plain_yaml import dump_plain_yaml, load_plain_yaml

NAME = "data.yaml"


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`. Items with a label of the whole and no boxes are left out; those with neither hold nothing."""
    labels = sorted({*frozen.labels, *(one.label for item in frozen.items for one in item.boxes)})
    groups, problems, sides = list[tuple[str, str]](), list[str](), set[str]()

    def side(item: SetItem) -> str:
        return "test" if item.held_out else "train"

    for item, name, (width, height) in write_pictures(
        frozen, read_content, folder, problems, lambda item: f"images/{side(item)}"
    ):
        lines = "".join(f"{labels.index(one.label)} {_shares(one, width, height)}\n" for one in item.boxes)
        target = _labels_of(folder, folder / name)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, lines.encode())
        sides.add(side(item))
        if item.group:
            groups.append((name, item.group))
    described = {"path": ".", **{side: f"images/{side}" for side in sorted(sides)}}
    if "train" in sides:
        described["val"] = "images/train"
    names = {str(position): label for position, label in enumerate(labels)}
    write_atomically(folder / NAME, dump_plain_yaml({**described, "names": names}).encode())
    write_groups(folder, groups)
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. A picture with an empty text, or without one, holds nothing."""
    path = table or next(
        (folder / name for name in (NAME, "data.yml", "dataset.yaml") if (folder / name).is_file()), None
    )
    if path is None:
        raise NotFound(f"{folder.name} holds no {NAME}, which says what the classes are called")
    names = _names(path)
    found = Found()
    groups = groups_in(folder, found.problems)
    for picture in pictures_below(folder):
        name = below(folder, picture)
        try:
            boxes = _boxes(_labels_of(folder, picture), picture, names)
        except InvalidInput as error:
            found.problems.append(f"{name}: {error}")
        else:
            found.items.append(Labelled(name, picture, Kind.BOXES, boxes=boxes, group=groups.get(name, "")))
    return found


def _names(path: Path) -> Mapping[str, str]:
    described = load_plain_yaml(read_list(path))
    names = described.get("names") if isinstance(described, dict) else None
    if isinstance(names, list):
        names = {str(position): name for position, name in enumerate(names)}
    if not isinstance(names, dict):
        raise InvalidInput(f"{path.name} has no names; it has to say what the classes are called")
    return {key: text(name if isinstance(name, str) else str(name)) for key, name in names.items()}


def _boxes(path: Path, picture: Path, names: Mapping[str, str]) -> tuple[LabelledBox, ...]:
    if not path.is_file():
        return ()
    width, height = picture_size(picture)
    boxes = []
    for line, entry in enumerate(read_list(path).split("\n"), start=1):
        parts = entry.split()
        if not parts:
            continue
        if len(parts) != 5:
            raise InvalidInput(f"{path.name}, line {line}: {len(parts)} numbers; a box has its class and four more")
        if parts[0] not in names:
            raise InvalidInput(f"{path.name}, line {line}: the class {parts[0][:20]} has no name in the yaml")
        try:
            x, y, wide, high = (number(part, "a place") for part in parts[1:])
            left, top = (x - wide / 2) * width, (y - high / 2) * height
            boxes.append(box(names[parts[0]], left, top, wide * width, high * height))
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}, line {line}: {error}") from error
    return tuple(boxes)


def _shares(one: LabelledBox, width: int, height: int) -> str:
    middle = (one.left + one.width / 2) / width, (one.top + one.height / 2) / height
    return " ".join(repr(share) for share in (*middle, one.width / width, one.height / height))


def _labels_of(folder: Path, picture: Path) -> Path:
    """The last `images` of the path is `labels` there; a picture in neither has its text beside it."""
    parts = list(picture.relative_to(folder).parts)
    for position in range(len(parts) - 2, -1, -1):
        if parts[position] == "images":
            parts[position] = "labels"
            break
    return folder.joinpath(*parts).with_suffix(".txt")
