"""Reads networks that dlib has written (`dlib::serialize`), so that neither training nor serving needs dlib.

A file is a nest of objects whose innermost, the input, comes first: read from front to back it is a list of layers from
input to output, each with its name, parameters and sizes, and then what dlib kept for training.

    loss_metric_2, version numbers of the nest | input_rgb_image_sized | con_4 | affine_ | relu_ | max_pool_2 | …

Numbers are in dlib's own forms: whole ones as a byte that tells their length and sign (`_whole`), real ones as mantissa
and exponent of two; the values of tensors lie as float32 in little-endian order.
Source: https://github.com/davisking/dlib/blob/master/dlib/serialize.h, dlib/dnn/core.h, dlib/dnn/layers.h (Boost).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput

_SIGN, _LENGTH = 0x80, 0x0F
_MOST_VALUES = 1 << 28
_HEAD_BYTES = 1 << 12
"""The nest's version numbers lie before the input; what has none within so many bytes is another file."""


@dataclass(frozen=True, slots=True)
class Layer:
    """kind: as dlib names it, without its version. sizes: whole numbers by name. parameters: float32, as they lie."""

    kind: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    parameters: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class DlibNetwork:
    """layers: from input to output. mean: of red, green and blue, taken off before dividing by 256. size: pixels."""

    layers: tuple[Layer, ...]
    mean: tuple[float, float, float]
    size: int


def read_network(content: bytes) -> DlibNetwork:
    """The network for faces. Raises InvalidInput for what is cut short or no such network."""
    stream = _Stream(content)
    try:
        return _read(stream)
    except (IndexError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"this is no network that dlib wrote, or a part of one ({error}); fetch it again") from error


def _read(stream: _Stream) -> DlibNetwork:
    stream.find(b"loss_metric_2", 32)
    stream.find(b"input_rgb_image_sized", _HEAD_BYTES)
    red, green, blue = stream.real(), stream.real(), stream.real()
    rows, columns = stream.whole(), stream.whole()
    if rows != columns:
        raise InvalidInput(f"the network takes pictures of {columns} x {rows}; Pipit knows square ones alone")
    layers = [_layer(stream)]
    # The layer at the input also tells how many pictures an input becomes.
    stream.whole()
    while stream.more():
        layers.append(_layer(stream))
    return DlibNetwork(tuple(layers), (red, green, blue), rows)


def _layer(stream: _Stream) -> Layer:
    kind = stream.text()
    name = kind.rstrip("0123456789").rstrip("_")
    if name not in _SIZES:
        raise InvalidInput(f"the network has a layer {kind!r}, which Pipit does not know")
    parameters = np.zeros(0, np.float32)
    if kind in ("con_4", "affine_"):
        parameters = stream.tensor()
    sizes = {size: stream.whole() for size in _SIZES[name]}
    if name == "fc":
        parameters = stream.tensor()
    for _ in range(_ALIASES[name]):
        stream.alias()
    if name in ("affine", "fc"):
        sizes["mode"] = stream.whole()
    for _ in range(_RATES[name]):
        stream.real()
    stream.kept_for_training()
    return Layer(name, sizes, parameters)


_WINDOW = ("rows", "columns", "stride_y", "stride_x", "padding_y", "padding_x")
_SIZES: Mapping[str, tuple[str, ...]] = {
    "con": ("filters", *_WINDOW),
    "affine": (),
    "relu": (),
    "max_pool": _WINDOW,
    "avg_pool": _WINDOW,
    "add_prev": (),
    "fc": ("outputs", "inputs"),
}
_ALIASES = {"con": 2, "affine": 2, "fc": 2} | dict.fromkeys(("relu", "max_pool", "avg_pool", "add_prev"), 0)
"""Shapes of the parts of the parameters."""
_RATES = {"con": 4, "fc": 4} | dict.fromkeys(("affine", "relu", "max_pool", "avg_pool", "add_prev"), 0)
"""How fast parts of it learnt."""


class _Stream:
    """Bytes, and how far they have been read."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._content)

    def find(self, word: bytes, within: int) -> None:
        """Goes on behind the word."""
        start = self._content.find(word, self._at, self._at + within)
        if start < 0:
            raise ValueError(f"{word.decode()} is missing")
        self._at = start + len(word)

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._content) - self._at:
            raise ValueError("it is cut short")
        self._at += count
        return self._content[self._at - count : self._at]

    def whole(self) -> int:
        (head,) = self.take(1)
        value = int.from_bytes(self.take(head & _LENGTH), "little")
        return -value if head & _SIGN else value

    def real(self) -> float:
        mantissa, exponent = self.whole(), self.whole()
        return math.ldexp(mantissa, exponent)

    def text(self) -> str:
        return self.take(self.whole()).decode("ascii")

    def tensor(self) -> NDArray[np.float32]:
        """All values in one row."""
        version = self.whole()
        if version != 2:
            raise ValueError(f"a tensor of version {version}")
        count = math.prod(self.whole() for _ in range(4))
        if not 0 <= count <= _MOST_VALUES:
            raise ValueError(f"a tensor of {count} values")
        return np.frombuffer(self.take(4 * count), "<f4").astype(np.float32)

    def alias(self) -> None:
        for _ in range(5):
            self.whole()

    def kept_for_training(self) -> None:
        """Three yes or no; the gradients of what came in and of the parameters, and the last answer."""
        self.take(3)
        for _ in range(3):
            self.tensor()
