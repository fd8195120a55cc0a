"""The digest of a frozen data set: of what it holds, whatever it is called and whoever made it."""

from __future__ import annotations

import hashlib
import json

from pipit.errors import InvalidInput
from pipit.labels.types import LabelSet, SetItem


def set_digest(frozen: LabelSet) -> str:
    """SHA-256 in hexadecimal of canonical JSON, a line each: its task and labels, then its items sorted by example.

    Name, digest, made_by and made_at don't count. Raises InvalidInput for a number that is not finite.
    """
    lines = [_canonical({"task": frozen.task, "labels": list(frozen.labels)})]
    lines += [text for _, text in sorted((item.example, _canonical(_plain(item))) for item in frozen.items)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(item: SetItem) -> dict[str, object]:
    # 10 and 10.0 are one number once they have been on the wire.
    boxes = [[box.label, *map(float, (box.left, box.top, box.width, box.height))] for box in item.boxes]
    return {
        "example": item.example,
        "sha256": item.sha256,
        "media_type": item.media_type,
        "label": item.label,
        "boxes": boxes,
        "spans": [[span.label, float(span.start), float(span.end)] for span in item.spans],
        "group": item.group,
        "held_out": item.held_out,
    }


def _canonical(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except ValueError as error:
        raise InvalidInput("a data set holds a box or span with a number that is not finite; take it out") from error
