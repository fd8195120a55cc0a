"""Checks that both runtimes make of what they are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from pipit.errors import InvalidInput
from pipit.runtimes.base import TensorSpec
from pipit.types import Tensors

ANY_SIZE = -1


def check_tensors(tensors: Tensors, specs: Sequence[TensorSpec]) -> int:
    """The number of rows, at least one. Raises InvalidInput that names the tensor that does not fit."""
    if len(specs) == 1 == len(tensors):
        # As nearly all networks have it, and what fits needs no words.
        spec = specs[0]
        only = tensors.get(spec.name)
        if only is not None and only.dtype == _dtype(spec.dtype):
            rows_of_it, *shape = only.shape or (0,)
            if rows_of_it and tuple(shape) == spec.shape:
                return int(rows_of_it)
    expected = {spec.name for spec in specs}
    if tensors.keys() != expected:
        raise InvalidInput(
            f"the network takes {_listed(expected)}, not {_listed(tensors.keys())}; name its inputs, each once"
        )
    rows = set()
    for spec in specs:
        values = tensors[spec.name]
        if values.dtype != _dtype(spec.dtype):
            raise InvalidInput(f"input {spec.name!r} must be {spec.dtype}, not {values.dtype}")
        if values.ndim != len(spec.shape) + 1 or not _fits(values.shape[1:], spec.shape):
            raise InvalidInput(
                f"input {spec.name!r} must have the shape {_shape(('rows', *spec.shape))}, not {_shape(values.shape)}"
            )
        rows.add(values.shape[0])
    if len(rows) != 1 or rows == {0}:
        raise InvalidInput(f"all inputs must have the same number of rows, at least one, not {_listed(rows)}")
    return int(rows.pop())


@cache
def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(name)


def _fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    return all(w in (ANY_SIZE, s) and s > 0 for s, w in zip(shape, wanted, strict=True))


def _shape(dimensions: Sequence[int | str]) -> str:
    return "(" + ", ".join("any" if d == ANY_SIZE else str(d) for d in dimensions) + ")"


def _listed(things: Iterable[object]) -> str:
    return ", ".join(sorted(repr(thing) for thing in things)) or "nothing"
