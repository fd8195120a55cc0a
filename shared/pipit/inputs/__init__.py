"""What a caller may send, once it has left the wire. Proto types stop at the servicer; these go on from there.

The functions that turn them into tensors (`pipit.inputs.audio`, …) are the same in the trainer and on the Pi.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A JPEG, PNG, WebP, GIF, TIFF or BMP file as bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """A WAV, FLAC, Ogg Vorbis or MP3 file as bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PcmAudio:
    """Uncompressed sound.

    samples: float32, shape (frames, channels), full scale at -1 and 1. sample_rate: Hz.
    """

    samples: NDArray[np.float32]
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Features of one face and body.

    values: float32, shape (features,). aspect_ratio: width over height of the picture whose shares x and y are; None
    where it is not known.
    """

    values: NDArray[np.float32]
    aspect_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class TensorInput:
    """A tensor for the network itself, past the pipeline's decoding; `name` may be empty for the only input.

    One whose name is no input of the network holds raw values that a task knows by that name.
    """

    name: str
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class InputSequence:
    """Inputs that belong together, oldest first."""

    items: tuple[Input, ...]


Input = EncodedImage | EncodedAudio | PcmAudio | Landmarks | TensorInput | InputSequence

_NAMES: dict[type, str] = {
    EncodedImage: "a picture",
    EncodedAudio: "a recording",
    PcmAudio: "sound",
    Landmarks: "landmarks",
    InputSequence: "a sequence",
}


def describe(item: Input) -> str:
    """What it is, for messages: `a picture`."""
    if isinstance(item, TensorInput):
        return f"a tensor named {item.name[:40]!r}" if item.name else "a tensor"
    return _NAMES[type(item)]


def bytes_of(item: Input) -> int:
    """Of what is large in it."""
    match item:
        case EncodedImage() | EncodedAudio():
            return len(item.data)
        case PcmAudio():
            return item.samples.nbytes
        case Landmarks() | TensorInput():
            return item.values.nbytes
        case InputSequence():
            return sum(map(bytes_of, item.items))
