"""A small vector of an example, by which near-duplicates are known: numpy and the decoders alone, no network.

sound      64 log-mel bands: their mean over time, without its level, and how much each varies
picture    8 x 8 grey levels, 4 x 4 colours, and which way edges run in each quarter
numbers    mean and spread of 64 pieces of what the arrays hold

It tells what looks or sounds nearly the same, and knows nothing of what things are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage
from pipit.labels.inputs import NUMBERS, read_arrays

LENGTH = 128
"""Numbers of a vector, float32, of unit length."""
SAME = 0.995
"""Cosine similarity from which two examples are near-duplicates; measured, see docs/measured/labels_features.csv."""
ALIKE = 0.95
"""Cosine similarity from which the second of two examples waits."""
_SIDE = 64
"""Pixels of the square that a picture is reduced to."""
_EDGES, _COLOURS = 0.7, 1.0
"""Weights of edges and colours beside grey levels."""

Vector = NDArray[np.float32]


def features_of(media_type: str, content: bytes) -> Vector | None:
    """Unit vector, float32, (LENGTH,). None for what can't be read, is silent or of one colour, or of another kind."""
    kind = media_type.partition("/")[0]
    try:
        if kind == "audio":
            found = _of_sound(content)
        elif kind == "image":
            found = _of_picture(content)
        elif media_type == NUMBERS:
            found = _of_numbers(content)
        else:
            return None
    except (InvalidInput, InputTooLarge):
        return None
    size = float(np.linalg.norm(found))
    return (found / size).astype(np.float32) if 1e-6 < size < float("inf") else None


def _of_sound(content: bytes) -> NDArray[np.floating]:
    from pipit.inputs.audio import YAMNET, LogMel, decode_audio, resample  # noqa: PLC0415 (a task has one kind)

    samples, rate = decode_audio(EncodedAudio(content))
    heard = resample(samples, rate, YAMNET.sample_rate)
    if len(heard) < YAMNET.window_length:
        heard = np.pad(heard, (0, YAMNET.window_length - len(heard)))
    mel = LogMel(YAMNET)(heard)
    mean, spread = mel.mean(axis=1), mel.std(axis=1)
    return np.concatenate([mean - mean.mean(), spread])


def _of_picture(content: bytes) -> NDArray[np.floating]:
    from PIL import Image  # noqa: PLC0415 (a task has one kind)

    from pipit.inputs.image import decode_image  # noqa: PLC0415

    pixels = decode_image(EncodedImage(content), shorter_side=_SIDE)
    small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    light, *colours = np.moveaxis(np.asarray(small.convert("YCbCr"), np.float32) / 255.0, 2, 0)
    grey = _blocks(light, 8)
    down, across = np.gradient(light)
    way = (np.arctan2(down, across) % np.pi * 8 / np.pi).astype(int) % 8
    strength = np.hypot(down, across)
    edges = np.stack([_blocks(strength * (way == bin_), 2) for bin_ in range(8)])
    return np.concatenate(
        [
            _level(grey),
            _COLOURS * np.concatenate([(_blocks(colour, 4) - 0.5).ravel() for colour in colours]) * 4,
            _EDGES * _level(edges),
        ]
    )


def _of_numbers(content: bytes) -> NDArray[np.floating]:
    try:
        flat = np.concatenate([values.astype(np.float64).ravel() for values in read_arrays(content).values()])
    except (ValueError, TypeError) as error:
        raise InvalidInput("the arrays hold no numbers") from error
    flat = np.nan_to_num(flat, posinf=0.0, neginf=0.0)
    pieces = [piece if len(piece) else np.zeros(1) for piece in np.array_split(flat, LENGTH // 2)]
    mean = np.array([piece.mean() for piece in pieces])
    return np.concatenate([mean - mean.mean(), [piece.std() for piece in pieces]])


def _blocks(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Means of count x count parts of a square."""
    side = len(values) // count
    means: NDArray[np.float32] = values.reshape(count, side, count, side).mean(axis=(1, 3))
    return means


def _level(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flat, around 0, with a spread of at most 1: dark and faded pictures are like bright ones."""
    flat: NDArray[np.float32] = values.ravel() - values.mean()
    flat /= max(float(flat.std()), 0.02)
    return flat
