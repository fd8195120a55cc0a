"""An example's content as a model takes it: the way back of `pipit.capture.content`."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from pipit.errors import InputTooLarge, InvalidInput
from pipit.files import reading_arrays
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, TensorInput
from pipit.types import Tensors

NUMBERS = "application/x-npz"
LANDMARKS, RATIO = "landmarks", "aspect_ratio"
_MOST_NUMBERS = 64 << 20
"""Bytes of arrays once they are unpacked."""


def input_of(media_type: str, content: bytes) -> Input:
    """Raises InvalidInput for what no model is asked about, and as `read_arrays` does."""
    kind = media_type.partition("/")[0]
    if kind == "audio":
        return EncodedAudio(content)
    if kind == "image":
        return EncodedImage(content)
    if media_type != NUMBERS:
        raise InvalidInput(f"no model is asked about {media_type[:60]!r}; it takes sounds, pictures and arrays")
    arrays = read_arrays(content)
    if LANDMARKS in arrays:
        values = arrays[LANDMARKS].astype(np.float32)
        ratio = float(arrays[RATIO]) if RATIO in arrays else None
        if values.ndim == 1:
            return Landmarks(values, ratio)
        return InputSequence(tuple(Landmarks(row, ratio) for row in values))
    if len(arrays) != 1:
        raise InvalidInput(f"a model is asked about one array, not {len(arrays)}; keep them as several examples")
    ((name, values),) = arrays.items()
    return TensorInput("" if name == "values" else name, values)


def read_arrays(content: bytes) -> Tensors:
    """Raises InvalidInput for damaged archives, InputTooLarge for those that unpack to too much."""
    try:
        with reading_arrays, zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MOST_NUMBERS:
                raise InputTooLarge("the arrays unpack to too much; send fewer steps")
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return {name: np.asarray(arrays[name]) for name in sorted(arrays.files)}
    except (OSError, ValueError, TypeError, EOFError, MemoryError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidInput("the arrays can't be read; send them as numpy.savez writes them") from error
