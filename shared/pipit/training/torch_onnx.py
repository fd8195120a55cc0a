"""PyTorch networks as ONNX files for ONNX Runtime: float32, and int8 where it gains.

    float32   as trained; any number of rows
    int8      8-bit weights of matrix products and LSTMs, a scale for each column; activations quantised as they come

What it gains depends on the width: on x86 an LSTM of 256 runs 2.4 times as fast, one of 64 a third as fast.
Convolutions quantised as they come are slower. They stay in float, unless training rows tell their ranges ahead.
An x86 processor without VNNI adds two products in 16 bits, which large ones overflow: there, and on no Raspberry Pi,
int8 answers a little worse. Weights of 7 bits would not, and would lose precision everywhere.
Importing this imports PyTorch; only trainers that use it do.
Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxscript import optimizer
from torch import nn

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.training.onnx_convolutions import quantise_convolutions

VARIANTS = ("float32", "int8")
QUANTISED = ("MatMul", "Gemm", "LSTM")
OPSET = 20
LARGEST = 1 << 30
"""Elements of a constant that may be computed ahead."""
EXAMPLE_ROWS = 2
"""Of the example that the exporter follows: a single row would be taken for a fixed one."""


def export_onnx(
    network: nn.Module,
    files: Mapping[str, Path],
    row: Mapping[str, NDArray[Any]],
    output: str = "logits",
    calibration: Mapping[str, NDArray[Any]] | None = None,
    any_length: bool = False,
) -> None:
    """Writes `network` as ONNX files with a batch axis of any size; the same network gives the same bytes.

    files: where each variant goes; PyTorch follows the network once for all of them, which takes seconds. row: one row
    of each input, without the batch axis, by the name that it gets, in the order the network takes them. output: the
    name of the only output. calibration: training rows by input, for int8 with its convolutions. any_length: the first
    axis of a row may be of any size too. Raises InvalidInput for an unknown variant.
    """
    for variant in files:
        if variant not in VARIANTS:
            raise InvalidInput(f"there is no variant {variant!r}; there are {', '.join(VARIANTS)}")
    model = _without_traces(_exported(network, row, output, any_length))
    for variant, path in files.items():
        written = model if variant == "float32" else _without_traces(_quantised(model, calibration))
        write_atomically(path, written.SerializeToString(deterministic=True))


def _exported(network: nn.Module, row: Mapping[str, NDArray[Any]], output: str, any_length: bool) -> onnx.ModelProto:
    examples = tuple(torch.from_numpy(np.stack([values] * EXAMPLE_ROWS)) for values in row.values())
    free: dict[int, Any] = {0: torch.export.Dim("rows")}
    if any_length:
        free[1] = torch.export.Dim.AUTO
    with _quiet():
        program = torch.onnx.export(
            network.eval(),
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(row),
            output_names=[output],
            dynamic_shapes=tuple(free for _ in examples),
            verbose=False,
        )
    if program is None:
        raise InvalidInput("PyTorch's exporter gave nothing; is the network a torch.nn.Module?")
    # The exporter leaves the sorting of an LSTM's gates to each run; as constants they can be quantised.
    model: onnx.ModelProto = optimizer.optimize(
        program.model_proto, input_size_limit=LARGEST, output_size_limit=LARGEST
    )
    # Sizes of weights, which the quantiser turns round and then takes for wrong; runtimes need none.
    del model.graph.value_info[:]
    return model


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """The exporter notes the source line of every node, with the paths of the machine that it ran on."""
    del model.metadata_props[:]
    parts: list[Any] = [model.graph, *model.functions]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
        for item in (*part.node, *part.value_info):
            item.doc_string = ""
            del item.metadata_props[:]
    values: list[Any] = [*model.graph.input, *model.graph.output, *model.graph.initializer]
    for value in values:
        value.doc_string = ""
        del value.metadata_props[:]
    return model


def _quantised(model: onnx.ModelProto, calibration: Mapping[str, NDArray[Any]] | None) -> onnx.ModelProto:
    with TemporaryDirectory() as folder, _quiet():
        before, after, last = (Path(folder) / f"{name}.onnx" for name in ("float32", "products", "convolutions"))
        onnx.save(model, before)
        quantize_dynamic(before, after, list(QUANTISED), per_channel=True, weight_type=QuantType.QInt8)
        if calibration is None:
            return onnx.load(after)
        quantise_convolutions(after, last, calibration)
        return onnx.load(last)


@contextmanager
def _quiet() -> Iterator[None]:
    """Both tools give advice that does not hold here, by their loggers and by warnings."""
    loggers = [logging.getLogger(name) for name in ("", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
