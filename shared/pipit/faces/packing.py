"""A person as bytes, and back: a header of JSON, then numbers and pictures as they are. Nothing in it is ever executed.

    body:   4 bytes: length of the header | header | vectors, float32, little endian, in the header's order
    crops:  4 bytes: length of the header | header | pictures

A chip from which two embedders made a template is kept once.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipit.errors import InputTooLarge, IntegrityError, InvalidInput
from pipit.faces.consents import moment
from pipit.faces.gallery import Consent, Person, Template

LARGEST_BODY = 1 << 20
LARGEST_CROPS = 5 << 19
"""Bytes; with the body it stays below the 4 MiB that a gRPC server takes in one message."""
MOST_TEMPLATES = 200
LONGEST_TEXT = 300
"""Characters of a name, and of each text of a consent."""
_LENGTH_BYTES = 4
_BYTES_OF_NUMBER = 4
_Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Consent(_Part):
    by: _Text
    at: _Text
    purpose: _Text
    until: _Text
    keep_crops: bool


class _Template(_Part):
    embedder: Annotated[str, Field(min_length=1, max_length=128)]
    quality: Annotated[float, Field(ge=0.0, le=1.0)]
    source: Annotated[str, Field(max_length=128)]
    dimensions: Annotated[int, Field(ge=1, le=4096)]
    crop: Annotated[int, Field(ge=0)] | None


class _Header(_Part):
    format: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    consent: _Consent
    templates: Annotated[tuple[_Template, ...], Field(max_length=MOST_TEMPLATES)]
    not_this: Annotated[tuple[_Template, ...], Field(max_length=MOST_TEMPLATES)]


class _Crops(_Part):
    sizes: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(max_length=2 * MOST_TEMPLATES)]


def pack(person: Person) -> tuple[bytes, bytes]:
    """Body and crops; crops are empty where none is kept.

    Raises InvalidInput for what can't be kept, above all crops that the consent does not cover; InputTooLarge for too
    much of it. No message repeats a name.
    """
    everything = (*person.templates, *person.not_this)
    crops = list(dict.fromkeys(template.crop for template in everything if template.crop))
    if crops and not person.consent.keep_crops:
        raise InvalidInput("pictures of faces may be kept only where the consent says so (keep_crops)")
    _check_times(person.consent.at, person.consent.until)
    places = {crop: place for place, crop in enumerate(crops)}
    try:
        header = _Header(
            format=1,
            name=person.name,
            consent=_Consent.model_validate(person.consent, from_attributes=True),
            templates=tuple(_description(template, places) for template in person.templates),
            not_this=tuple(_description(template, places) for template in person.not_this),
        )
    except ValidationError as error:
        # Not pydantic's whole text, which repeats what it was given.
        wrong = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise InvalidInput(f"a person can't be kept like this: {wrong}") from None
    body = _join(header, [np.asarray(template.vector, "<f4").tobytes() for template in everything])
    if len(body) > LARGEST_BODY:
        raise InputTooLarge(f"a person has {len(body)} bytes of templates; at most {LARGEST_BODY}. Keep fewer pictures")
    packed = _join(_Crops(sizes=tuple(map(len, crops))), crops) if crops else b""
    if len(packed) > LARGEST_CROPS:
        raise InputTooLarge(f"a person has {len(packed)} bytes of crops; at most {LARGEST_CROPS}. Keep fewer pictures")
    return body, packed


def unpack(person_id: str, body: bytes, crops: bytes = b"") -> Person:
    """The reverse of `pack`; without `crops` no template has its crop. Raises IntegrityError for anything else."""
    try:
        packed, numbers = _split(body, LARGEST_BODY)
        header = _Header.model_validate_json(packed)
        _check_times(header.consent.at, header.consent.until)
        pictures = _pictures(crops)
        vectors = _vectors(header, numbers)
        templates = [
            Template(vector, entry.embedder, entry.quality, entry.source, _picture(pictures, entry.crop))
            for vector, entry in zip(vectors, (*header.templates, *header.not_this), strict=True)
        ]
    except (ValueError, IndexError, InvalidInput):
        # ValidationError is a ValueError; its text would repeat what it was given.
        raise IntegrityError(
            f"person {person_id} was sealed by another version of Pipit, or is damaged; update this device, "
            "restore the gallery from a backup, or enrol the person again"
        ) from None
    known = len(header.templates)
    return Person(
        person_id,
        header.name,
        Consent(**header.consent.model_dump()),
        tuple(templates[:known]),
        tuple(templates[known:]),
    )


def _check_times(at: str, until: str) -> None:
    moment(at)
    if until:
        moment(until)


def _description(template: Template, places: dict[bytes, int]) -> _Template:
    vector = np.asarray(template.vector)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise InvalidInput("a template has to be one row of finite numbers; enrol the picture again")
    return _Template(
        embedder=template.embedder,
        quality=template.quality,
        source=template.source,
        dimensions=len(vector),
        crop=places.get(template.crop),
    )


def _join(header: BaseModel, parts: list[bytes]) -> bytes:
    packed = header.model_dump_json().encode()
    return b"".join((len(packed).to_bytes(_LENGTH_BYTES, "little"), packed, *parts))


def _split(data: bytes, largest: int) -> tuple[bytes, bytes]:
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) > largest or end > len(data):
        raise ValueError("a wrong length")
    return data[_LENGTH_BYTES:end], data[end:]


def _vectors(header: _Header, numbers: bytes) -> list[np.ndarray]:
    sizes = [entry.dimensions for entry in (*header.templates, *header.not_this)]
    if len(numbers) != _BYTES_OF_NUMBER * sum(sizes):
        raise ValueError("a wrong length")
    rows = np.split(np.frombuffer(numbers, "<f4").astype(np.float32), np.cumsum(sizes)[:-1]) if sizes else []
    for row in rows:
        row.flags.writeable = False
    return rows


def _pictures(crops: bytes) -> list[bytes] | None:
    if not crops:
        return None
    packed, rest = _split(crops, LARGEST_CROPS)
    sizes = _Crops.model_validate_json(packed).sizes
    if sum(sizes) != len(rest):
        raise ValueError("a wrong length")
    ends = np.cumsum(sizes)
    return [rest[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _picture(pictures: list[bytes] | None, place: int | None) -> bytes:
    return b"" if pictures is None or place is None else pictures[place]
