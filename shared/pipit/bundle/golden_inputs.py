"""Raw inputs as named arrays of plain dtypes and back, for `golden.npz`. The names stand in `docs/bundle.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput

Arrays = Mapping[str, NDArray[Any]]


def input_to_arrays(prefix: str, item: Input) -> dict[str, NDArray[Any]]:
    """Arrays whose names begin with `prefix/`. Raises InvalidInput for a tensor of Python objects."""
    kind: str
    fields: dict[str, Any]
    nested: dict[str, NDArray[Any]] = {}
    match item:
        case EncodedAudio(data):
            kind, fields = "encoded_audio", {"data": np.frombuffer(data, np.uint8)}
        case EncodedImage(data):
            kind, fields = "encoded_image", {"data": np.frombuffer(data, np.uint8)}
        case PcmAudio(samples, sample_rate):
            kind, fields = "pcm_audio", {"samples": np.asarray(samples, np.float32), "sample_rate": sample_rate}
        case Landmarks(values, aspect_ratio):
            kind, fields = "landmarks", {"values": np.asarray(values, np.float32)}
            if aspect_ratio is not None:
                fields["aspect_ratio"] = aspect_ratio
        case TensorInput(name, values):
            kind, fields = "tensor", {"name": name, "values": values}
        case InputSequence(items):
            kind, fields = "sequence", {"length": len(items)}
            for index, part in enumerate(items):
                nested.update(input_to_arrays(f"{prefix}/items/{index}", part))
    arrays = {f"{prefix}/{field}": np.asarray(value) for field, value in {"kind": kind, **fields}.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise InvalidInput(f"golden input {name}: Python objects can't be stored; give an array of numbers")
    return arrays | nested


def input_from_arrays(prefix: str, arrays: Arrays) -> Input:
    """Inverse of `input_to_arrays`. Raises InvalidInput for an unknown kind, KeyError for a missing array."""
    kind = str(arrays[f"{prefix}/kind"])
    match kind:
        case "encoded_audio":
            return EncodedAudio(arrays[f"{prefix}/data"].tobytes())
        case "encoded_image":
            return EncodedImage(arrays[f"{prefix}/data"].tobytes())
        case "pcm_audio":
            return PcmAudio(arrays[f"{prefix}/samples"], int(arrays[f"{prefix}/sample_rate"]))
        case "landmarks":
            aspect_ratio = arrays.get(f"{prefix}/aspect_ratio")
            return Landmarks(arrays[f"{prefix}/values"], None if aspect_ratio is None else float(aspect_ratio))
        case "tensor":
            return TensorInput(str(arrays[f"{prefix}/name"]), arrays[f"{prefix}/values"])
        case "sequence":
            length = int(arrays[f"{prefix}/length"])
            return InputSequence(tuple(input_from_arrays(f"{prefix}/items/{index}", arrays) for index in range(length)))
        case _:
            raise InvalidInput(f"golden input {prefix}: unknown kind {kind[:40]!r}; a newer Pipit may know it")
