"""Open Inference Protocol v2 tensors to and from numpy arrays."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit._pb.open_inference.v2 import open_inference_pb2 as pb
from pipit.errors import InvalidInput
from pipit.runtimes.base import TensorSpec
from pipit.serving.codec import array_from_bytes, values_of

_DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_ON_THE_WIRE = {name: np.dtype(dtype).newbyteorder("<") for name, dtype in _DTYPES.items()}
# FP16 has no field: the protocol sends it raw only.
_FIELDS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
_MOST_INPUTS = 64


def tensors_from_request(request: pb.ModelInferRequest) -> dict[str, NDArray[Any]]:
    """Inputs by name. Raises InvalidInput."""
    raw, inputs = request.raw_input_contents, request.inputs
    if raw and len(raw) != len(inputs):
        raise InvalidInput(f"{len(inputs)} inputs with {len(raw)} raw contents; send one for each")
    if len(inputs) > _MOST_INPUTS:
        raise InvalidInput(f"{len(inputs)} inputs; send at most {_MOST_INPUTS}")
    tensors: dict[str, NDArray[Any]] = {}
    for index, tensor in enumerate(inputs):
        name = tensor.name
        if name in tensors:
            raise InvalidInput(f"input {name[:200]!r} comes twice")
        tensors[name] = _array(tensor, raw[index] if raw else None)
    return tensors


def _array(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes | None) -> NDArray[Any]:
    dtype = _ON_THE_WIRE.get(tensor.datatype)
    if dtype is None:
        known = ", ".join(_DTYPES)
        raise InvalidInput(f"input {tensor.name[:200]!r} has datatype {tensor.datatype[:40]!r}; send one of {known}")
    if raw is None:
        return _typed_contents(tensor, dtype.newbyteorder("=")).reshape(tuple(tensor.shape))
    if tensor.HasField("contents"):
        raise InvalidInput(f"input {tensor.name[:200]!r} has raw and typed contents; send one of them")
    return array_from_bytes(raw, dtype, tensor.shape)


def _typed_contents(tensor: pb.ModelInferRequest.InferInputTensor, dtype: np.dtype[Any]) -> NDArray[Any]:
    field = _FIELDS.get(tensor.datatype)
    if field is None:
        raise InvalidInput(f"input {tensor.name[:200]!r} is {tensor.datatype}; send it in raw_input_contents")
    contents = getattr(tensor.contents, field)
    expected = values_of(tensor.shape)
    if len(contents) != expected:
        raise InvalidInput(
            f"input {tensor.name[:200]!r} of shape {list(tensor.shape)} needs {expected} values in {field}, "
            f"but {len(contents)} came"
        )
    try:
        # One value after the other: a list of them all would take many times the message.
        return np.fromiter(contents, dtype, expected)
    except OverflowError as error:
        raise InvalidInput(f"input {tensor.name[:200]!r} has values outside of {tensor.datatype}") from error


def classes_of(output: pb.ModelInferRequest.InferRequestedOutputTensor) -> int:
    """How many of the best classes are asked for instead of the tensor; 0 for the tensor.

    https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_classification.html
    """
    if "classification" not in output.parameters:
        return 0
    wanted = int(output.parameters["classification"].int64_param)
    if wanted < 1:
        raise InvalidInput(f"output {output.name[:200]!r}: classification is {wanted}; ask for 1 class or more")
    return wanted


def response_from_tensors(
    request: pb.ModelInferRequest, version: str, outputs: dict[str, NDArray[Any]], labels: Sequence[str] = ()
) -> pb.ModelInferResponse:
    """The outputs that were asked for, raw if the inputs came raw. Raises InvalidInput for an unknown output.

    labels: of the last axis of an output that has as many; for outputs that are asked for as classes.
    """
    response = pb.ModelInferResponse(model_name=request.model_name, model_version=version, id=request.id)
    classes = {output.name: classes_of(output) for output in request.outputs}
    for name in list(classes) or list(outputs):
        if name not in outputs:
            raise InvalidInput(f"no output {name[:200]!r}; the network gives {', '.join(outputs)}")
        values = outputs[name]
        if classes.get(name):
            best = _best_classes(values, classes[name], labels)
            tensor = response.outputs.add(name=name, datatype="BYTES", shape=best.shape)
            if request.raw_input_contents:
                response.raw_output_contents.append(b"".join(struct.pack("<I", len(one)) + one for one in best.flat))
            else:
                tensor.contents.bytes_contents.extend(best.flat)
            continue
        datatype = _NAMES[values.dtype]
        tensor = response.outputs.add(name=name, datatype=datatype, shape=values.shape)
        if request.raw_input_contents or datatype not in _FIELDS:
            response.raw_output_contents.append(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
        else:
            getattr(tensor.contents, _FIELDS[datatype]).extend(values.ravel().tolist())
    return response


def _best_classes(values: NDArray[Any], count: int, labels: Sequence[str]) -> NDArray[Any]:
    """`value:index:label` of the best along the last axis, best first; without a label where there is none."""
    size = values.shape[-1]
    named = labels if len(labels) == size else ()
    order = np.argsort(-values.astype(np.float64), axis=-1, kind="stable")[..., :count]
    best: NDArray[Any] = np.empty(order.shape, object)
    for place in np.ndindex(order.shape):
        index = int(order[place])
        label = f":{named[index]}" if named else ""
        best[place] = f"{values[(*place[:-1], index)]:f}:{index}{label}".encode()
    return best


def metadata_from_spec(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    """One input or output, with the batch as its first axis."""
    return pb.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=_NAMES[np.dtype(spec.dtype)], shape=(-1, *spec.shape)
    )
