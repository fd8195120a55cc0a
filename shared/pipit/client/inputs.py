"""What people have at hand, as what may be sent: a path, the bytes of a file, a picture, an array."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import (
    EncodedAudio,
    EncodedImage,
    Input,
    InputSequence,
    Landmarks,
    PcmAudio,
    TensorInput,
)
from pipit.inputs.frame import Frame
from pipit.inputs.limits import LARGEST_FILE, limit_of
from pipit.inputs.media import HEAD, Kind, media_of, open_file
from pipit.inputs.physiology import TENSOR, read_minutes

if TYPE_CHECKING:  # Pillow is there only where pictures are made
    from PIL import Image

Item: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | Frame | NDArray[Any] | Input"
"""What `Client.classify` takes.

A path: a recording, a picture, or minutes of physiology (.csv). Bytes: of a recording's or picture's file. A picture of
Pillow's. An array of uint8: pixels, RGB (height, width, 3) or grey (height, width). A frame of a video or camera. Or
anything of `pipit.inputs`: PcmAudio, Landmarks, TensorInput and so on.
"""
QUALITY = 92
"""Of the JPEG that pixels are sent as. Whoever wants to lose nothing sends the bytes of a PNG file."""
_MINUTES = ".csv"
_INPUTS = (EncodedAudio, EncodedImage, InputSequence, Landmarks, PcmAudio, TensorInput)


def to_input(item: Item) -> Input:
    """Raises NotFound for a file that is not there, InputTooLarge, and InvalidInput for what can't be sent."""
    if isinstance(item, _INPUTS):
        return item
    if isinstance(item, str | os.PathLike):
        return read_file(Path(item))
    if isinstance(item, bytes | bytearray | memoryview):
        data = bytes(item)
        return EncodedImage(data) if media_of(data[:HEAD]).kind is Kind.PICTURE else EncodedAudio(data)
    if isinstance(item, Frame):
        return encode_pixels(item.pixels)
    if isinstance(item, np.ndarray):
        return encode_pixels(item)
    if hasattr(item, "save") and hasattr(item, "convert"):
        return _encode_image(item)
    raise InvalidInput(
        f"{type(item).__name__} can't be sent; give a path, the bytes of a file, a picture, an array of pixels, or an "
        "input of pipit.client such as PcmAudio"
    )


def read_file(path: Path) -> Input:
    """A whole file. Minutes of physiology are known by their name (.csv), all else by its first bytes.

    What is not known is sent as a recording. Raises NotFound, InputTooLarge, InvalidInput.
    """
    if path.suffix.lower() == _MINUTES:
        return TensorInput(TENSOR, read_minutes(path))
    with open_file(path) as file:
        try:
            data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise InvalidInput(f"{path} can't be read: {error.strerror}") from error
    media = media_of(data[:HEAD])
    if media.kind in (Kind.FILM, Kind.LANDMARKS):
        raise InvalidInput(
            f"{path} ({media.name}) holds many inputs; send them one after the other by Client.stream, or by pipit "
            "classify"
        )
    if len(data) > LARGEST_FILE:
        advice = (
            "make it smaller"
            if media.kind is Kind.PICTURE
            else "a long recording goes piece by piece: Client.stream, or pipit classify (see docs/client.md)"
        )
        raise InputTooLarge(f"{path} is over the limit of what is sent whole, {limit_of(LARGEST_FILE)}; {advice}")
    return EncodedImage(data) if media.kind is Kind.PICTURE else EncodedAudio(data)


def encode_pixels(pixels: NDArray[Any]) -> EncodedImage:
    """As JPEG: a picture of a camera is many megabytes without.

    pixels: uint8, shape (height, width, 3), RGB, or (height, width), grey. Raises InvalidInput for other arrays.
    """
    if pixels.dtype != np.uint8 or not pixels.size or not (pixels.ndim == 2 or pixels.shape[2:] == (3,)):
        raise InvalidInput(
            f"an array of {pixels.dtype} and shape {pixels.shape} is no picture: give uint8 of shape "
            "(height, width, 3) or (height, width). Sound is sent as PcmAudio(samples, sample_rate), landmarks as "
            "Landmarks(values), a network's own input as TensorInput(name, values)"
        )
    from PIL import Image  # noqa: PLC0415 (a client of recordings may not have Pillow)

    return _encode_image(Image.fromarray(pixels))


def _encode_image(image: Image.Image) -> EncodedImage:
    buffer = io.BytesIO()
    (image if image.mode in ("L", "RGB") else image.convert("RGB")).save(buffer, "JPEG", quality=QUALITY)
    return EncodedImage(buffer.getvalue())
