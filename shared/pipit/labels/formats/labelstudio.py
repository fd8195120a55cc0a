"""Label Studio's JSON: a list of tasks, each with its annotations. Choices, boxes (in percent) and regions of a sound.

    {"data": {"audio": "/data/local-files/?d=files/a.wav"}, "annotations": [{"result": [
        {"type": "choices", "value": {"choices": ["siren"]}, "from_name": "choice", "to_name": "audio"}]}]}

`labelling.xml` is the configuration that shows them. An export of Label Studio holds no media: put the files beside it;
they are found by the end of their address, also with the prefix that uploads get (`1a2b3c4d-name.wav`).

Sources: https://labelstud.io/guide/export.html, https://labelstud.io/guide/tasks.html#Basic-Label-Studio-JSON-format
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.labels.formats.contents import (
    below,
    box,
    is_content,
    number,
    only_file,
    picture_size,
    read_list,
    span,
    text,
    write_contents,
)
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelledBox, LabelledSpan, LabelSet, SetItem

NAME, CONFIGURATION = "tasks.json", "labelling.xml"
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_KINDS = {"image": "image", "video": "video", "audio": "audio"}


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`."""
    tasks, problems, media = list[dict[str, Any]](), list[str](), "audio"
    for item, name in write_contents(frozen.items, read_content, folder, problems):
        media = _KINDS.get(item.media_type.partition("/")[0], "text")
        try:
            results = list(_results(item, media, folder / name))
        except InvalidInput as error:
            problems.append(f"{item.example}: {error}")
            (folder / name).unlink()
            continue
        tasks.append(
            {
                "id": len(tasks) + 1,
                "data": {media: f"/data/local-files/?d={name}", "group": item.group, "held_out": item.held_out},
                "annotations": [{"id": len(tasks) + 1, "was_cancelled": False, "result": results}],
            }
        )
    write_atomically(folder / NAME, json.dumps(tasks, ensure_ascii=False, indent=1).encode())
    write_atomically(folder / CONFIGURATION, _configuration(frozen.labels, media).encode())
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. Of several annotations of a task the last that was not cancelled counts."""
    found = Found()
    path = only_file(folder, table, NAME, ".json")
    try:
        tasks = json.loads(read_list(path))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path.name} is no JSON: {error}") from error
    if not isinstance(tasks, list):
        raise InvalidInput(f"{path.name} is no export of Label Studio: it has to be a list of tasks")
    files = {path.name: path for path in sorted(folder.rglob("*")) if is_content(path)}
    for position, task in enumerate(tasks, start=1):
        try:
            found.items.append(_item(folder, task, files))
        except (InvalidInput, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            said = error if isinstance(error, InvalidInput) else f"no task that is known ({error!r})"
            number_ = task.get("id", position) if isinstance(task, dict) else position
            found.problems.append(f"{path.name}, task {number_}: {said}")
    return found


def _results(item: SetItem, media: str, path: Path) -> Iterator[dict[str, Any]]:
    if item.label:
        yield {
            "id": "whole",
            "type": "choices",
            "from_name": "choice",
            "to_name": media,
            "value": {"choices": [item.label]},
        }
    if item.boxes:
        width, height = picture_size(path)
    for position, one in enumerate(item.boxes):
        place = {
            "x": 100.0 * one.left / width,
            "y": 100.0 * one.top / height,
            "width": 100.0 * one.width / width,
            "height": 100.0 * one.height / height,
            "rotation": 0,
        }
        shown = {"original_width": width, "original_height": height, "image_rotation": 0}
        value = {**place, "rectanglelabels": [one.label]}
        yield {
            "id": f"box{position}",
            "type": "rectanglelabels",
            "from_name": "box",
            "to_name": media,
            **shown,
            "value": value,
        }
    for position, each in enumerate(item.spans):
        value = {"start": each.start, "end": each.end, "channel": 0, "labels": [each.label]}
        yield {"id": f"span{position}", "type": "labels", "from_name": "span", "to_name": media, "value": value}


def _configuration(labels: tuple[str, ...], media: str) -> str:
    tag = {"image": "Image", "video": "Video", "audio": "Audio"}.get(media, "Text")
    source = f'  <{tag} name="{media}" value="${media}"/>'
    choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
    names = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
    regions = (
        f'  <RectangleLabels name="box" toName="{media}">{names}</RectangleLabels>'
        if media == "image"
        else f'  <Labels name="span" toName="{media}">{names}</Labels>'
    )
    return f'<View>\n{source}\n  <Choices name="choice" toName="{media}">{choices}</Choices>\n{regions}\n</View>\n'


def _item(folder: Path, task: dict[str, Any], files: dict[str, Path]) -> Labelled:
    data = task["data"]
    path = _content(data, files)
    item = Labelled(below(folder, path), path, group=str(data.get("group") or ""))
    said = [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
    if not said:
        return item
    label, boxes, spans = "", list[LabelledBox](), list[LabelledSpan]()
    for result in said[-1].get("result") or ():
        value, kind = result["value"], result.get("type")
        if kind == "choices":
            label = text(value["choices"][0])
        elif kind == "rectanglelabels":
            boxes.append(_box(result, value, path))
        elif kind == "labels" and "start" in value:
            spans.append(span(value["labels"][0], value["start"], value["end"]))
        else:
            raise InvalidInput(f"results of the type {str(kind)[:40]!r} can't be taken; take them out")
    kind_ = Kind.BOXES if boxes else Kind.SPANS if spans else Kind.LABEL
    return Labelled(item.name, path, kind_, label, tuple(boxes), tuple(spans), item.group)


def _box(result: dict[str, Any], value: dict[str, Any], path: Path) -> LabelledBox:
    if number(value.get("rotation") or 0, "rotation"):
        raise InvalidInput("a box is turned; only upright ones can be taken")
    if "original_width" in result:
        width, height = result["original_width"], result["original_height"]
    else:
        width, height = picture_size(path)
    across, down = number(width, "width") / 100.0, number(height, "height") / 100.0
    x, y, wide, high = (number(value[name], name) for name in ("x", "y", "width", "height"))
    return box(value["rectanglelabels"][0], x * across, y * down, wide * across, high * down)


def _content(data: dict[str, Any], files: dict[str, Path]) -> Path:
    """The file that an address means, by its last part. Raises InvalidInput."""
    addresses = [value for value in data.values() if isinstance(value, str)]
    for address in addresses:
        parts = urlsplit(address)
        name = PurePosixPath((parse_qs(parts.query).get("d") or [unquote(parts.path)])[0]).name
        found = files.get(name) or files.get(_UPLOADED.sub("", name))
        if found is not None:
            return found
    raise InvalidInput(f"no file beside it is the one of {str(addresses)[:200]}; put it there")
