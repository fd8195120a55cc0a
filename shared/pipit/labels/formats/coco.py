"""COCO's JSON of boxes: `annotations.json`, and the pictures in `images/`.

Source: https://cocodataset.org/#format-data. `group` and `held_out` of a picture are Pipit's own; others ignore them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.labels.formats.contents import below, box, content_of, only_file, read_list, text, write_pictures
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelledBox, LabelSet

NAME, FOLDER = "annotations.json", "images"


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`. Items with a label of the whole and no boxes are left out; those with neither hold nothing."""
    labels = sorted({*frozen.labels, *(one.label for item in frozen.items for one in item.boxes)})
    numbers = {label: number for number, label in enumerate(labels, start=1)}
    pictures, annotations, problems = list[dict[str, Any]](), list[dict[str, Any]](), list[str]()
    for item, name, (width, height) in write_pictures(frozen, read_content, folder, problems, lambda _: FOLDER):
        more = {"group": item.group, "held_out": item.held_out}
        pictures.append(
            {
                "id": len(pictures) + 1,
                "file_name": name.removeprefix(f"{FOLDER}/"),
                "width": width,
                "height": height,
                **more,
            }
        )
        annotations += [
            {
                "id": len(annotations) + position,
                "image_id": len(pictures),
                "category_id": numbers[one.label],
                "bbox": [one.left, one.top, one.width, one.height],
                "area": one.width * one.height,
                "iscrowd": 0,
            }
            for position, one in enumerate(item.boxes, start=1)
        ]
    whole = {
        "info": {"description": f"{frozen.name}@{frozen.digest}"},
        "images": pictures,
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }
    write_atomically(folder / NAME, json.dumps(whole, ensure_ascii=False, indent=1).encode())
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. A picture without an annotation holds nothing; one with a bad annotation is left out."""
    found = Found()
    path = only_file(folder, table, NAME, ".json")
    try:
        whole = json.loads(read_list(path))
        labels = {entry["id"]: text(entry["name"]) for entry in whole["categories"]}
        pictures, annotations = list(whole["images"]), list(whole["annotations"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidInput(f"{path.name} is not in COCO's format: {error!r}") from error
    boxes, bad = dict[Any, list[LabelledBox]](), set[Any]()
    for entry in annotations:
        try:
            boxes.setdefault(entry["image_id"], []).append(box(labels[entry["category_id"]], *entry["bbox"]))
        except (InvalidInput, TypeError, KeyError) as error:
            shown = entry if isinstance(entry, dict) else {}
            if isinstance(shown.get("image_id"), int | str):
                bad.add(shown["image_id"])
            found.problems.append(f"{path.name}, annotation {shown.get('id')}: {error if str(error) else 'is no box'}")
    for entry in pictures:
        try:
            content = _content(folder, path.parent, str(entry["file_name"]))
            here, group = tuple(boxes.get(entry["id"], ())), str(entry.get("group") or "")
            picture = Labelled(below(folder, content), content, Kind.BOXES, boxes=here, group=group)
            if entry["id"] in bad:
                found.problems.append(f"{picture.name}: one of its annotations can't be used, so it is left out")
            else:
                found.items.append(picture)
        except (InvalidInput, TypeError, KeyError, AttributeError) as error:
            name = entry.get("file_name") if isinstance(entry, dict) else entry
            found.problems.append(f"{path.name}, image {str(name)[:200]!r}: {error}")
    return found


def _content(folder: Path, beside: Path, name: str) -> Path:
    """In `images/`, beside the list, or beside the list's folder: where programs put pictures."""
    for start in (f"{FOLDER}/{name}", name):
        try:
            return content_of(beside, start)
        except InvalidInput:
            continue
    return content_of(folder, name if beside != folder else f"{FOLDER}/{name}")
