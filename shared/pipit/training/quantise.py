"""Keras networks as LiteRT files: float32, dynamic-range, and full int8 with int8 input and output.

    float32   as trained
    dynamic   8-bit weights, float arithmetic; a quarter of the size, no calibration
    int8      8-bit weights, activations, input and output; ranges come from real training features

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.files import write_atomically

VARIANTS = ("float32", "dynamic", "int8")


def export_litert(model: Any, variant: str, path: Path, calibration: NDArray[np.float32] | None = None) -> None:
    """Writes `model`, a Keras network with one input and one output, as a LiteRT file with a batch of one.

    calibration: float32, shape (samples, *input shape): real training features, of which the ranges of `int8` are
    taken. Raises InvalidInput for an unknown variant, or `int8` without calibration.
    """
    import tensorflow as tf  # noqa: PLC0415 (heavy, and only here)

    if variant not in VARIANTS:
        raise InvalidInput(f"there is no variant {variant!r}; there are {', '.join(VARIANTS)}")
    spec = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=model.inputs[0].name)
    output = model.output_names[0]
    # Given the Keras network itself, the converter leaves its weights out of the file; in a module it finds them.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    call = tf.function(lambda features: {output: model(features, training=False)}, input_signature=[spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], module)
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "int8":
        if calibration is None or not len(calibration):
            raise InvalidInput("int8 needs calibration: pass features of real training samples")
        converter.representative_dataset = _one_by_one(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with _quiet_converter():
        content = converter.convert()
    write_atomically(path, content)


def _one_by_one(calibration: NDArray[np.float32]) -> Callable[[], Iterator[list[NDArray[np.float32]]]]:
    return lambda: ([row[np.newaxis].astype(np.float32)] for row in calibration)


@contextlib.contextmanager
def _quiet_converter() -> Iterator[None]:
    """The converter's C++ part writes its notes to the process's standard error, past every logger.

    In a notebook TensorFlow's own logger tells of each folder that is written on the way.
    """
    logger = logging.getLogger("tensorflow")
    kept, level = os.dup(2), logger.level
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        logger.setLevel(logging.WARNING)
        yield
    finally:
        logger.setLevel(level)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
