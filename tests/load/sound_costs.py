"""What a trained network of sounds costs: size, multiply-adds, and time of one window on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from home_security.sounds.pipeline import INPUT
from measure import milliseconds, side_by_side
from pipit.runtimes import load_runtime

EXPORTED = ("float32", "dynamic", "int8")


def costs(name: str, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each exported variant in `folder`, beside `network.keras`."""
    network = keras.models.load_model(folder / "network.keras")
    window = np.random.default_rng(1).normal(size=(1, *network.input_shape[1:])).astype(np.float32)
    runtimes = {variant: load_runtime(folder / f"{variant}.tflite", "litert") for variant in EXPORTED}
    calls = {variant: partial(runtime.run, {INPUT: window}) for variant, runtime in runtimes.items()}
    seconds = side_by_side(calls, rounds=100)
    for variant in runtimes:
        yield {
            "network": name,
            "variant": variant,
            "weights": network.count_params(),
            "megabytes": round((folder / f"{variant}.tflite").stat().st_size / 1e6, 3),
            "million_multiply_adds": round(multiply_adds(network) / 1e6, 1),
            "median_ms": milliseconds(seconds[variant], 50),
            "p95_ms": milliseconds(seconds[variant], 95),
            "samples": len(seconds[variant]),
        }


def multiply_adds(network: keras.Model) -> int:
    """Of the convolutions and dense layers, for one row; a nested network runs once for each patch."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer) * _patches(network)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def _patches(network: keras.Model) -> int:
    """How many slices of the input the nested body hears."""
    return sum(layer.__class__.__name__ == "GetItem" for layer in network.operations)
