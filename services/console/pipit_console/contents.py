"""What examples hold, and pictures of it: what was looked at last stays in memory."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection

from fastapi import Request, Response
from pipit.errors import InvalidInput

_Made = tuple[str, bytes]
"""Media type and bytes."""
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})-(\d{0,18})\s*(?:,|$)", re.ASCII)
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})


class Contents:
    """Threads share it."""

    def __init__(self, most: int) -> None:
        """most: bytes. Keys begin with the task and the example's id."""
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, ...], _Made] = OrderedDict()
        self._size = 0
        self._forgotten = 0
        """How often something was; what was being made meanwhile may be of it, and is not held."""

    def get(self, key: tuple[str, ...], make: Callable[[], _Made]) -> _Made:
        """As it was made before, or is made now. What can't be made is tried again the next time."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
            before = self._forgotten
        made = make()
        with self._lock:
            if before == self._forgotten and key not in self._held and len(made[1]) <= self._most:
                self._held[key] = made
                self._size += len(made[1])
            while self._size > self._most:
                _, (_, dropped) = self._held.popitem(last=False)
                self._size -= len(dropped)
        return made

    def forget(self, task: str, identities: Collection[str]) -> None:
        """Of examples that were deleted."""
        with self._lock:
            self._forgotten += 1
            for key in [key for key in self._held if key[0] == task and key[1] in identities]:
                self._size -= len(self._held.pop(key)[1])

    def holds(self, task: str, identity: str) -> bool:
        """Whether anything of an example is in memory."""
        with self._lock:
            return any(key[:2] == (task, identity) for key in self._held)


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
    found = _RANGE.match(wanted)
    if found is None or not any(found.groups()):
        raise InvalidInput("Range has to be as in bytes=0-1023")
    begin, end = found.groups()
    if not begin:
        span = range(max(0, size - int(end)), size)
    else:
        span = range(int(begin), min(size, int(end) + 1) if end else size)
    return span if span else None
