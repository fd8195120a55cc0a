"""What can be told of a sealed document without its key, and whether it may be put."""

from __future__ import annotations

import re

from pipit.errors import Conflict, InputTooLarge, InvalidInput, NotFound, QueueFull
from pipit.faces.packing import MOST_TEMPLATES
from pipit.faces.sealing import (
    LARGEST_SEALED_BODY,
    LARGEST_SEALED_CROPS,
    SEAL_BYTES,
    WRAPPED_BYTES,
    SealedPerson,
)
from pipit.galleries.index import Index, check_person

_KEY = re.compile(r"[0-9a-f]{16}")
_EMBEDDER = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")


def check_sealed(sealed: SealedPerson) -> None:
    """Raises InvalidInput for what no sealing makes, InputTooLarge over a limit."""
    check_person(sealed.id)
    for what, data, largest in (
        ("templates", sealed.body, LARGEST_SEALED_BODY),
        ("crops", sealed.crops, LARGEST_SEALED_CROPS),
    ):
        if len(data) > largest:
            raise InputTooLarge(f"the sealed {what} have {len(data)} bytes; at most {largest}. Keep fewer pictures")
    embedders = [digest for digest, _ in sealed.embedders]
    if (
        len(sealed.wrapped_key) != WRAPPED_BYTES
        or len(sealed.body) <= SEAL_BYTES
        or sealed.keeps_crops != (len(sealed.crops) > SEAL_BYTES)
        or _KEY.fullmatch(sealed.key) is None
        or embedders != sorted(set(embedders))
        or not all(_EMBEDDER.fullmatch(digest) for digest in embedders)
        or not all(1 <= count <= MOST_TEMPLATES for _, count in sealed.embedders)
    ):
        raise InvalidInput(
            "this is not a sealed person; seal it with `pipit.faces.sealing.seal`, with its crops where some are kept"
        )


def check_put(index: Index, sealed: SealedPerson, expected: int, seen: int | None, most_people: int) -> None:
    """Raises what `Galleries.put` raises for a document that does not fit what is there."""
    gallery = index.gallery
    before = index.people.get(sealed.id)
    if before is None and index.tombstone(sealed.id) is not None:
        raise NotFound(f"person {sealed.id} was forgotten; enrol them anew, under a new id")
    if seen is not None and index.revision != seen:
        raise Conflict(f"gallery {gallery} is at revision {index.revision}, not {seen}; look again and decide anew")
    revision = 0 if before is None else before.revision
    if revision != expected:
        raise Conflict(
            f"person {sealed.id} of gallery {gallery} was written at revision {revision}, not {expected}; "
            "look again and decide anew"
        )
    others = {entry.key for identity, entry in index.people.items() if identity != sealed.id}
    if others - {sealed.key}:
        raise InvalidInput(
            f"gallery {gallery} is sealed with the key {min(others)}, not {sealed.key}; copy the key's file from a "
            "device that knows the people, or use another gallery"
        )
    if before is None and len(index.people) >= most_people:
        raise QueueFull(
            f"gallery {gallery} has {most_people} people, which is all it takes; forget some, or use another gallery"
        )
