"""A table with a row for each label, box or span: what spreadsheets open, and people write by hand.

    file,label,kind,left,top,width,height,start,end,group,held_out

Only `file` and `label` are needed. kind: label, boxes or spans; it tells a file in which nothing is (a row without a
label) from one that nobody has looked at. Boxes in pixels, spans in seconds.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.labels.formats.contents import below, box, content_of, only_file, span, text, write_contents
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelSet, SetItem
from pipit.tables import Row, open_table

NAME = "labels.csv"
COLUMNS = ("file", "label", "kind", "left", "top", "width", "height", "start", "end", "group", "held_out")
_BOX, _SPAN = ("left", "top", "width", "height"), ("start", "end")


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    problems: list[str] = []
    for item, name in write_contents(frozen.items, read_content, folder, problems):
        common = {"file": name, "group": item.group, "held_out": "1" if item.held_out else ""}
        writer.writerows({**common, **row} for row in _rows(item))
    write_atomically(folder / NAME, table.getvalue().encode())
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. Rows of one file belong together: one bad row leaves out the file."""
    found = Found()
    items: dict[str, Labelled] = {}
    bad: set[str] = set()
    path = only_file(folder, table, NAME, ".csv")
    with open_table(path, ("file", "label")) as rows:
        for row in rows.rows:
            if row.blank:
                continue
            try:
                _take(folder, row, items)
            except InvalidInput as error:
                found.problems.append(f"{path.name}, line {row.line}: {error}")
                bad.add(row.values.get("file", "").replace("\\", "/"))
    found.items = [item for name, item in items.items() if name not in bad]
    return found


def _take(folder: Path, row: Row, items: dict[str, Labelled]) -> None:
    if row.problem:
        raise InvalidInput(row.problem)
    content = content_of(folder, row.values.get("file", ""))
    name = below(folder, content)
    items[name] = _with(items.get(name, Labelled(name, content)), row.values)


def _rows(item: SetItem) -> Iterator[dict[str, object]]:
    for one in item.boxes:
        places = dict(zip(_BOX, map(repr, (one.left, one.top, one.width, one.height)), strict=True))
        yield {"label": one.label, "kind": "boxes", **places}
    for each in item.spans:
        yield {"label": each.label, "kind": "spans", "start": repr(each.start), "end": repr(each.end)}
    if item.label or not (item.boxes or item.spans):
        yield {"label": item.label, "kind": "label"}


def _with(item: Labelled, values: dict[str, str]) -> Labelled:
    """The item with what one more row says. Raises InvalidInput."""
    item = replace(item, group=values.get("group", item.group))
    label, kind = values.get("label", ""), values.get("kind", "")
    if kind == "boxes" or any(name in values for name in _BOX):
        more = (box(label, *(values.get(name) for name in _BOX)),) if label else ()
        return replace(item, kind=Kind.BOXES, boxes=(*item.boxes, *more))
    if kind == "spans" or any(name in values for name in _SPAN):
        several = (span(label, *(values.get(name) for name in _SPAN)),) if label else ()
        return replace(item, kind=Kind.SPANS, spans=(*item.spans, *several))
    if kind not in ("", "label"):
        raise InvalidInput(f"the kind {kind[:40]!r} is not known; write label, boxes or spans")
    if item.label and label and item.label != label:
        raise InvalidInput(f"the file is {item.label!r} already, and {label!r} here; leave one row")
    if not label and not kind:
        return item
    return replace(item, kind=item.kind or Kind.LABEL, label=text(label) if label else item.label)
