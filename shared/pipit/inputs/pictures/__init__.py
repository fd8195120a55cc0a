"""Picture files, cut down to what is needed to show them, before a decoder sees them.

media_of  ->  plain_picture (counts parts, drops notes, reads the orientation)  ->  Pillow

A decoder trusts a file: it reads millions of empty segments one by one, goes over the picture once for each scan that
comes, and makes room for tiles of any size. What a file may ask for is therefore counted here, at little cost, and what
nobody sends is refused. The pixels are the same, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable

from pipit.errors import InvalidInput
from pipit.inputs.pictures.bitmap import plain_bitmap
from pipit.inputs.pictures.gif import plain_gif
from pipit.inputs.pictures.jpeg import jpeg_alone, plain_jpeg
from pipit.inputs.pictures.plain import Plain
from pipit.inputs.pictures.png import plain_png
from pipit.inputs.pictures.tiff import plain_tiff
from pipit.inputs.pictures.webp import plain_webp

_READERS: dict[str, Callable[[bytes], Plain]] = {
    "JPEG": plain_jpeg,
    "PNG": plain_png,
    "WebP": plain_webp,
    "GIF": plain_gif,
    "TIFF": plain_tiff,
    "BMP": plain_bitmap,
}
FORMATS = tuple(_READERS)
"""As people name them, most usual first."""


def plain_picture(data: bytes, form: str) -> Plain:
    """form: one of FORMATS. Raises InvalidInput for what is damaged or of a kind that is not taken."""
    try:
        return _READERS[form](data)
    except (IndexError, ValueError) as error:
        raise InvalidInput("the picture is damaged or cut short; send all of it") from error


__all__ = ["FORMATS", "Plain", "jpeg_alone", "plain_picture"]
