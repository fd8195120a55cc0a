"""The bytes that are kept of an input, and their media type.

picture     as it came, without its notes (place, camera, time), small pictures in its header, and what follows it
            (a phone's second picture or film); a JPEG anew where faces were blurred or might lie below what is
            transparent, where EXIF turned it, or where it is neither JPEG nor PNG. Of several that were answered
            together, the last
recording   as it came; PCM becomes a 16-bit WAV file
numbers     application/x-npz: landmarks, or the tensor by its name ("values" where it has none); steps of a series
            become the rows of one array
"""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipit.capture.tail import as_int16
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.inputs.media import HEAD, media_of

NUMBERS = "application/x-npz"
_QUALITY = 92
"""Of a JPEG that is made anew."""
_SOUNDS = {"WAV": "audio/wav", "FLAC": "audio/flac", "Ogg": "audio/ogg", "MP3": "audio/mpeg"}
_AS_THEY_ARE = {"JPEG": "image/jpeg", "PNG": "image/png"}

Blur = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], int]]
"""RGB, (height, width, 3), to the same without faces, and how many there were."""


class Content(NamedTuple):
    """faces_blurred: how many were made unrecognisable."""

    media_type: str
    data: bytes
    faces_blurred: int = 0


def has_picture(item: Input) -> bool:
    """Whether a picture would be kept of it."""
    return isinstance(item, EncodedImage) or (
        isinstance(item, InputSequence) and any(isinstance(one, EncodedImage) for one in item.items)
    )


def content_of(item: Input, blur: Blur | None = None) -> Content:
    """blur: None where faces are what the task looks at. Raises InvalidInput, and as `decode_with_size` does."""
    match item:
        case EncodedImage():
            return _picture(item, blur)
        case EncodedAudio():
            name = media_of(item.data[:HEAD]).name
            if name not in _SOUNDS:
                raise InvalidInput("a recording of a format that is not known")
            return Content(_SOUNDS[name], item.data)
        case PcmAudio():
            return Content("audio/wav", _wav(item))
        case InputSequence():
            pictures = [one for one in item.items if isinstance(one, EncodedImage)]
            return _picture(pictures[-1], blur) if pictures else _numbers(item.items)
        case _:
            return _numbers((item,))


def _picture(item: EncodedImage, blur: Blur | None) -> Content:
    # A server of sounds has nothing that reads pictures.
    from PIL import Image  # noqa: PLC0415

    from pipit.inputs.image import decode_image  # noqa: PLC0415
    from pipit.inputs.pictures import FORMATS, jpeg_alone, plain_picture  # noqa: PLC0415

    name = media_of(item.data[:HEAD]).name
    if name not in FORMATS:
        raise InvalidInput("not a picture")
    plain = plain_picture(item.data, name)
    stays = name in _AS_THEY_ARE and plain.orientation == 1
    data = jpeg_alone(plain.data) if name == "JPEG" else plain.data
    if stays and blur is None:
        return Content(_AS_THEY_ARE[name], data)
    pixels, faces = decode_image(item), 0
    if blur is not None:
        pixels, faces = blur(pixels)
    if stays and not faces and not _is_transparent(data):
        return Content(_AS_THEY_ARE[name], data)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=_QUALITY)
    return Content("image/jpeg", stream.getvalue(), faces)


def _is_transparent(data: bytes) -> bool:
    """A face below what is transparent is in the file, and nowhere that a detector looks."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(data)) as image:
        return image.has_transparency_data


def _wav(item: PcmAudio) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(item.samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(item.sample_rate)
        file.writeframes(as_int16(item.samples).astype("<i2").tobytes())
    return stream.getvalue()


def _numbers(items: tuple[Input, ...]) -> Content:
    """Raises InvalidInput for steps that are not of one kind and shape."""
    named = {_name(item) for item in items}
    shapes = {item.values.shape for item in items if isinstance(item, Landmarks | TensorInput)}
    if len(named) != 1 or len(shapes) != 1:
        raise InvalidInput("a sequence of inputs of several kinds or shapes makes no array")
    values = [item.values for item in items if isinstance(item, Landmarks | TensorInput)]
    arrays: dict[str, NDArray[np.generic]] = {named.pop(): values[0] if len(values) == 1 else np.stack(values)}
    ratios = [item.aspect_ratio for item in items if isinstance(item, Landmarks)]
    if ratios and ratios[0] is not None:
        arrays["aspect_ratio"] = np.array(ratios[0], np.float32)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return Content(NUMBERS, stream.getvalue())


def _name(item: Input) -> str:
    if isinstance(item, Landmarks):
        return "landmarks"
    if isinstance(item, TensorInput):
        return item.name if item.name.isidentifier() else "values"
    raise InvalidInput("a sequence of inputs of several kinds makes no array")
