"""What an event and a data set may be: everything in them was sent by somebody."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from pipit.errors import InvalidInput
from pipit.examples.ids import check_example_id
from pipit.labels import Event, Kind, LabelledBox, LabelledSpan, LabelSet

from model_registry import layout

MOST_EVENTS = 1000
"""In a batch."""
_MOST_REGIONS = 1000
_LONGEST_TEXT = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


def check_event(event: Event) -> Event:
    """Gives it back. Raises InvalidInput that names the event."""
    try:
        _check(event)
    except InvalidInput as error:
        raise InvalidInput(f"event {event.id[:100]!r}: {error}") from None
    return event


def _check(event: Event) -> None:
    if _ID.fullmatch(event.id) is None:
        raise InvalidInput("an id has 1 to 100 letters, digits, '_', '.', ':' and '-', such as a UUID")
    if event.kind is Kind.UNSPECIFIED:
        raise InvalidInput("it says no kind that this registry knows; is the registry older than who sent it?")
    if event.kind is Kind.ADD_LABEL:
        if event.example or not event.label.strip():
            raise InvalidInput("adding a label needs its name, and no example")
    elif event.example or event.kind is not Kind.UNDO:
        check_example_id(event.example)
    if (event.kind is Kind.UNDO) != bool(event.undoes):
        raise InvalidInput("an undo names the event that counts no more, and nothing else does")
    _check_texts((event.label, event.undoes, event.version, event.by))
    if not (0.0 <= event.score <= 1.0 and math.isfinite(event.seconds) and event.seconds >= 0.0):
        raise InvalidInput("a score lies from 0 to 1, and seconds are not negative")
    check_regions(event.boxes, event.spans)


def check_regions(boxes: tuple[LabelledBox, ...], spans: tuple[LabelledSpan, ...]) -> None:
    """Raises InvalidInput."""
    if len(boxes) + len(spans) > _MOST_REGIONS:
        raise InvalidInput(f"it has {len(boxes) + len(spans)} boxes and spans; at most {_MOST_REGIONS} are taken")
    _check_texts([box.label for box in boxes] + [span.label for span in spans])
    for box in boxes:
        sides = (box.left, box.top, box.width, box.height)
        if not all(map(math.isfinite, sides)) or box.width <= 0 or box.height <= 0:
            raise InvalidInput("a box has numbers for left and top, and a width and height above 0")
    for span in spans:
        if not (math.isfinite(span.start) and math.isfinite(span.end) and 0 <= span.start < span.end):
            raise InvalidInput("a span starts at 0 or later, and ends after it starts")


def check_set(frozen: LabelSet) -> None:
    """All but its digest. Raises InvalidInput."""
    layout.label_set(frozen.name, frozen.digest)
    if not frozen.items:
        raise InvalidInput("the data set holds no example; label some first")
    _check_texts(frozen.labels)
    if len({item.example for item in frozen.items}) < len(frozen.items):
        raise InvalidInput("the data set names an example twice; freeze it again")
    for item in frozen.items:
        check_example_id(item.example)
        layout.check_digest(item.sha256)
        _check_texts((item.label, item.media_type, item.group))
        check_regions(item.boxes, item.spans)


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if len(text) > _LONGEST_TEXT:
            raise InvalidInput(f"{text[:40]!r}… has {len(text)} characters; at most {_LONGEST_TEXT} are taken")
