"""What examples hold, and pictures of it: what was looked at last stays in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request, Response
from pipit.errors import InvalidInput

_Made = tuple[str, bytes]
"""Media type and bytes."""
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})


class Contents:
    """Threads share it."""

    def __init__(self, most: int) -> None:
        """most: bytes."""
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, ...], _Made] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[str, ...], make: Callable[[], _Made]) -> _Made:
        """As it was made before, or is made now. What can't be made is tried again the next time."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            if key not in self._held and len(made[1]) <= self._most:
                self._held[key] = made
                self._size += len(made[1])
            while self._size > self._most:
                _, (_, dropped) = self._held.popitem(last=False)
                self._size -= len(dropped)
        return made


def respond(request: Request, media_type: str, content: bytes, tag: str, name: str) -> Response:
    """All of it, the part that Range names, or nothing where the browser has it (RFC 9110). name: for a download."""
    headers = {
        "ETag": f'"{tag}"',
        "Accept-Ranges": "bytes",
        # Not for long: what is deleted, or whose reader has signed out, is to be gone from the browser, too.
        "Cache-Control": "private, max-age=600",
    }
    if media_type not in _SHOWN and not media_type.startswith("audio/"):
        # What a device sent never becomes a page of the console's.
        media_type = "application/octet-stream"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if headers["ETag"] in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
        return Response(None, 304, headers)
    wanted = request.headers.get("range", "")
    if wanted and request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
        span = _span(wanted, len(content))
        if span is None:
            return Response(None, 416, {**headers, "Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{len(content)}"
        return Response(content[span.start : span.stop], 206, headers, media_type)
    return Response(content, 200, headers, media_type)


def _span(wanted: str, size: int) -> range | None:
    """Of one range; None where nothing of it is there. Raises InvalidInput for what is no range."""
    unit, _, first = wanted.partition("=")
    begin, dash, end = first.split(",")[0].strip().partition("-")
    if unit.strip() != "bytes" or not dash or not all(each.isdigit() or not each for each in (begin, end)):
        raise InvalidInput("Range has to be as in bytes=0-1023")
    if not begin:
        if not end:
            raise InvalidInput("Range has to be as in bytes=0-1023")
        span = range(max(0, size - int(end)), size)
    else:
        span = range(int(begin), min(size, int(end) + 1) if end else size)
    return span if span else None
