"""A line of JSON for each item, with all that a data set holds of it: the format that loses nothing.

{"file": "files/20261129-….wav", "example": "20261129-…", "sha256": "…", "media_type": "audio/wav", "label": "siren",
 "boxes": [], "spans": [], "group": "", "held_out": false}
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.labels.formats.contents import (
    below,
    box,
    content_of,
    only_file,
    read_list,
    span,
    text,
    write_contents,
)
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelSet

NAME = "labels.jsonl"


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`."""
    problems: list[str] = []
    lines = [
        json.dumps({"file": name, **asdict(item)}, ensure_ascii=False) + "\n"
        for item, name in write_contents(frozen.items, read_content, folder, problems)
    ]
    write_atomically(folder / NAME, "".join(lines).encode())
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. A line without label, boxes and spans is of a file that has no label yet."""
    found = Found()
    path = only_file(folder, table, NAME, ".jsonl")
    # Not splitlines: JSON may hold the line breaks of Unicode as they are.
    for line, entry in enumerate(read_list(path).split("\n"), start=1):
        if not entry.strip():
            continue
        try:
            found.items.append(_item(folder, json.loads(entry)))
        except (InvalidInput, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            said = error if isinstance(error, InvalidInput) else f"no entry that is known ({error!r})"
            found.problems.append(f"{path.name}, line {line}: {said}")
    return found


def _item(folder: Path, entry: dict[str, Any]) -> Labelled:
    content = content_of(folder, str(entry["file"]))
    boxes = tuple(box(b["label"], b["left"], b["top"], b["width"], b["height"]) for b in entry.get("boxes") or ())
    spans = tuple(span(s["label"], s["start"], s["end"]) for s in entry.get("spans") or ())
    label = entry.get("label")
    kind = Kind.BOXES if boxes else Kind.SPANS if spans else None if label is None else Kind.LABEL
    said = text(label) if label else ""
    return Labelled(below(folder, content), content, kind, said, boxes, spans, str(entry.get("group") or ""))
