"""Notations of labelled data that other programs know, each written and read with the files that it is about.

| name | what lies there | says |
|---|---|---|
| folder | `<class>/<file>` | labels |
| csv | `labels.csv`, `files/` | labels, boxes, spans |
| jsonl | `labels.jsonl`, `files/` | all of it |
| labelstudio | `tasks.json`, `labelling.xml`, `files/` | labels, boxes, spans |
| coco | `annotations.json`, `images/` | boxes |
| yolo | `data.yaml`, `images/`, `labels/` | boxes |
| edl | `<file>.edl`, `files/` | spans, to the frame |
"""

from __future__ import annotations

from collections.abc import Mapping

from pipit.errors import NotFound
from pipit.labels.formats import coco, edl, folder, jsonl, labelstudio, table, yolo
from pipit.labels.formats.types import Format, Found, Labelled, ReadContent

FORMATS: Mapping[str, Format] = {
    "folder": folder,
    "csv": table,
    "jsonl": jsonl,
    "labelstudio": labelstudio,
    "coco": coco,
    "yolo": yolo,
    "edl": edl,
}


def format_named(name: str) -> Format:
    """Raises NotFound that lists what there is."""
    try:
        return FORMATS[name]
    except KeyError:
        raise NotFound(f"there is no format {name[:40]!r}; there are {', '.join(FORMATS)}") from None


__all__ = ["FORMATS", "Format", "Found", "Labelled", "ReadContent", "format_named"]
