"""Arrays as PyTorch's batches, in an order that follows from the seed and the epoch's number alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipit.errors import InvalidInput

Inputs = Mapping[str, NDArray[Any]]
"""By name, in the order that the network takes them; the first axis of each is the samples."""
Vary = Callable[[Inputs, NDArray[Any], np.random.Generator], tuple[Inputs, NDArray[Any]]]
"""Inputs and targets of a batch to varied ones, by a generator that is this batch's own. The arrays may be changed."""
Batch = tuple[tuple[Tensor, ...], Tensor, Tensor]
"""Inputs, targets, weights."""

_Key = tuple[int, int, NDArray[np.int64]]
"""Epoch, number of the batch, positions of its samples."""


@dataclass(frozen=True)
class Samples:
    """What a network learns from. targets: one for each sample, of any shape. weights: how much each counts, 1 each.

    Raises InvalidInput if they are not equally many.
    """

    inputs: Inputs
    targets: NDArray[Any]
    weights: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        counts = {name: len(values) for name, values in self.inputs.items()} | {"targets": len(self.targets)}
        if self.weights is not None:
            counts["weights"] = len(self.weights)
        if len(set(counts.values())) != 1:
            raise InvalidInput(f"samples must have as many of each: {counts}")

    def __len__(self) -> int:
        return len(self.targets)


class SeededBatches(Sampler[_Key], Dataset[Batch]):
    """Every sample once an epoch, in a new order, perhaps varied."""

    def __init__(self, samples: Samples, batch_size: int, seed: int, vary: Vary | None = None) -> None:
        self._samples = samples
        self._size = batch_size
        self._seed = seed
        self._vary = vary
        self._epoch = 0

    def __len__(self) -> int:
        # A last batch of one is left out: batch norm needs more.
        full, rest = divmod(len(self._samples), self._size)
        return max(1, full + (rest > 1))

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls it before each epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[_Key]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._samples))
        for number in range(len(self)):
            yield self._epoch, number, order[number * self._size : (number + 1) * self._size]

    def __getitem__(self, key: _Key) -> Batch:
        epoch, number, chosen = key
        inputs: Inputs = {name: values[chosen] for name, values in self._samples.inputs.items()}
        targets = self._samples.targets[chosen]
        if self._vary is not None:
            inputs, targets = self._vary(inputs, targets, np.random.default_rng([self._seed, epoch, number]))
        weights = self._samples.weights
        return _batch(inputs, targets, None if weights is None else weights[chosen])

    def loader(self) -> DataLoader[Batch]:
        """For Lightning, which tells the sampler of each epoch."""
        return DataLoader(self, batch_size=None, sampler=self)


class _InOrder(Dataset[Batch]):
    def __init__(self, samples: Samples, batch_size: int) -> None:
        self._samples = samples
        self._size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._samples) / self._size)

    def __getitem__(self, number: int) -> Batch:
        part = slice(number * self._size, (number + 1) * self._size)
        inputs = {name: values[part] for name, values in self._samples.inputs.items()}
        weights = self._samples.weights
        return _batch(inputs, self._samples.targets[part], None if weights is None else weights[part])


def batches_in_order(samples: Samples, batch_size: int) -> DataLoader[Batch]:
    """Every sample once, as it is."""
    return DataLoader(_InOrder(samples, batch_size), batch_size=None)


def _batch(inputs: Inputs, targets: NDArray[Any], weights: NDArray[np.float32] | None) -> Batch:
    weighed = np.ones(len(targets), np.float32) if weights is None else weights
    return tuple(torch.from_numpy(v) for v in inputs.values()), torch.from_numpy(targets), torch.from_numpy(weighed)
