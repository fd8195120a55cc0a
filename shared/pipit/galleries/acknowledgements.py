"""Which device has followed a gallery how far: one document a device, so that none waits for another."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from pipit.errors import AlreadyExists, Conflict, InvalidInput, NotFound, QueueFull
from pipit.galleries.index import GALLERIES, Document, check_gallery, checked, unreadable
from pipit.galleries.types import DeviceState
from pipit.storage import ObjectStore

MOST_DEVICES = 1000
_ATTEMPTS = 16
_DEVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")


class _DeviceDocument(Document):
    """What a device acknowledged last."""

    format: Literal[1] = 1
    revision: int
    at: AwareDatetime


class Acknowledgements:
    """See the module."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def write(self, gallery: str, device: str, revision: int, present: int) -> None:
        """present: the gallery's revision. See `Galleries.acknowledge`."""
        key = f"{_prefix(gallery)}{check_device(device)}.json"
        if not 0 <= revision <= present:
            raise InvalidInput(f"gallery {gallery} is at revision {present}; {revision} can't be acknowledged")
        if not present:
            return
        data = _DeviceDocument(revision=revision, at=self._now()).model_dump_json().encode()
        for _ in range(_ATTEMPTS):
            # Whatever another one wrote under this name in between is looked at again.
            with suppress(AlreadyExists, Conflict):
                try:
                    self._store.replace(key, data, self._store.read(key).etag)
                except NotFound:
                    self._check_room(gallery)
                    self._store.create(key, data)
                return
        raise Conflict(f"device {device} acknowledges many times at once; does another device have its name?")

    def all(self, gallery: str) -> tuple[DeviceState, ...]:
        """By the device's name."""
        found = []
        for key in self._store.list(_prefix(gallery)):
            with suppress(NotFound):
                data = self._store.read(key).data
                try:
                    document = _DeviceDocument.model_validate_json(data)
                except ValidationError as error:
                    raise unreadable(key) from error
                device = key.rpartition("/")[2].removesuffix(".json")
                found.append(DeviceState(device, document.revision, document.at))
        return tuple(found)

    def _check_room(self, gallery: str) -> None:
        if sum(1 for _ in self._store.list(_prefix(gallery))) >= MOST_DEVICES:
            raise QueueFull(
                f"{MOST_DEVICES} devices follow gallery {gallery} already; delete the documents of those that are gone "
                "from the store (galleries/<name>/devices), or use another gallery"
            )


def check_device(device: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return checked(_DEVICE, device, "the name of a device: letters, digits, '_', '.' and '-', at most 100")


def _prefix(gallery: str) -> str:
    return f"{GALLERIES}{check_gallery(gallery)}/devices/"
