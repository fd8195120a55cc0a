"""A network that the user brings as an ONNX file: checked, and made to take and give what all embedders do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto
from pipit.errors import InvalidInput, NotFound
from pipit.faces.embedding import INPUT, OUTPUT
from pipit.runtimes.onnx import OnnxRuntime
from pipit.training.onnx_names import rename

from home_security.faces.graph import GraphBuilder, between, sized

_CHANNELS = 3
_FIRST = 8
"""Nodes of a network that takes off the mean itself: among so many, as InsightFace's own code looks for them."""
_SEED = 7


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """dimensions: of its vectors. scales: whether it takes pixels as they are, 0..255, and scales them itself."""

    model: onnx.ModelProto
    dimensions: int
    scales: bool


def read_own_network(path: Path, width: int, height: int, scratch: Path) -> OwnNetwork:
    """width, height: of the chips that it is to see, RGB or BGR, channels first or last. scratch: a folder.

    Raises NotFound; InvalidInput for a network that takes or gives something else, with what it should.
    """
    model = _load(path)
    if len(model.graph.input) != 1 or not model.graph.output:
        raise InvalidInput(f"{path.name} takes {len(model.graph.input)} inputs; an embedder takes one, the faces")
    takes = model.graph.input[0]
    last = _channels_last(path, takes, (height, width))
    outputs = [output for output in model.graph.output if len(sized(output)) in (0, 2)]
    if len(outputs) != 1:
        shapes = ", ".join(f"{output.name} {sized(output)}" for output in model.graph.output)
        raise InvalidInput(
            f"{path.name} gives {shapes}; an embedder gives one row of numbers a face, so export it with that alone"
        )
    del model.graph.output[:]
    model.graph.output.append(outputs[0])
    scales = _scales(model)
    if last:
        first = GraphBuilder("channels_last")
        first.add("Transpose", [INPUT], output=OUTPUT, perm=[0, 2, 3, 1])
        before = first.model((_CHANNELS, height, width), (height, width, _CHANNELS), like=model)
        if sized(takes)[0] is not None:
            before.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        model = between(before, model, "own")
    rename(model, {model.graph.input[0].name: INPUT, model.graph.output[0].name: OUTPUT})
    for axis, size in enumerate((_CHANNELS, height, width), 1):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    return OwnNetwork(model, _try(model, path, scratch), scales)


def _load(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise NotFound(f"there is no network {path}; name an ONNX file by `weights:` of the recipe")
    try:
        # Initialisers that old exporters list among the inputs are no inputs of a user.
        model = onnx.load(path)
        constants = {constant.name for constant in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in constants]
    except (DecodeError, OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} is no ONNX file ({error}); export the network to ONNX") from error
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def _channels_last(path: Path, takes: onnx.ValueInfoProto, size: tuple[int, int]) -> bool:
    found = sized(takes)
    wanted = f"(faces, 3, {size[0]}, {size[1]}) or (faces, {size[0]}, {size[1]}, 3)"
    if len(found) == 1 + _CHANNELS and takes.type.tensor_type.elem_type == TensorProto.FLOAT and found[0] in (None, 1):
        if all(one in (None, other) for one, other in zip(found[1:], (_CHANNELS, *size), strict=True)):
            return False
        if all(one in (None, other) for one, other in zip(found[1:], (*size, _CHANNELS), strict=True)):
            return True
    kind = TensorProto.DataType.Name(takes.type.tensor_type.elem_type).lower()
    raise InvalidInput(f"{path.name} takes {kind} {found}, but should take float {wanted}; export it so")


def _scales(model: onnx.ModelProto) -> bool:
    operators = [node.op_type for node in model.graph.node[:_FIRST]]
    return "Sub" in operators and ("Mul" in operators or "Div" in operators)


def _try(model: onnx.ModelProto, path: Path, scratch: Path) -> int:
    """Runs two pictures, alone and together; gives how many numbers a face becomes."""
    file = scratch / "own.onnx"
    onnx.save(model, file)
    runtime = OnnxRuntime(file)
    shape = (2, *runtime.inputs[0].shape)
    faces = np.random.default_rng(_SEED).uniform(-1, 1, shape).astype(np.float32)
    together = runtime.run({INPUT: faces})[OUTPUT]
    alone = np.concatenate([runtime.run({INPUT: faces[row : row + 1]})[OUTPUT] for row in range(2)])
    runtime.close()
    if together.ndim != 2 or not np.isfinite(together).all() or together.dtype != np.float32:
        raise InvalidInput(
            f"{path.name} gives {together.dtype} of shape {together.shape} for two faces; export it anew"
        )
    if not np.allclose(together, alone, rtol=1e-3, atol=1e-3 * math.sqrt(float((alone**2).mean()))):
        raise InvalidInput(
            f"{path.name} says something else of a face alone than beside another; export it for inference"
        )
    if np.allclose(together[0], together[1]):
        raise InvalidInput(f"{path.name} gives the same numbers for every face; export it with its weights")
    return int(together.shape[1])
