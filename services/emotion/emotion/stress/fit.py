"""Trains a network of stress on windows: the same in the trainer and in cross-validation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pipit.training.fitting import Fitted, balanced_weights
from pipit.training.progress import Progress
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import fit, outputs_of, seed_everything
from torch import Tensor, nn

from emotion.stress.network import build_network
from emotion.stress.pipeline import INPUT
from emotion.stress.recipe import StressRecipe
from emotion.stress.windows import Windows


def train_network(
    recipe: StressRecipe, train: Windows, validation: Windows, scratch: Path, logs: Path, progress: Progress
) -> tuple[nn.Module, Fitted]:
    """The trained network, windows to logits, and its history.

    Self-reported scores between calm and stressed are learnt as such.
    """
    seed_everything(recipe.seed)
    network = build_network(recipe.network, recipe.signals.channels, recipe.network_options)
    fitted = fit(
        network,
        _loss,
        recipe,
        _samples(recipe, train),
        _samples(recipe, validation),
        scratch,
        logs,
        progress,
        measures={"accuracy": _accuracy},
        threads=1,
    )
    return network, fitted


def logits_of(network: nn.Module, windows: Windows) -> NDArray[np.float32]:
    """(windows,)."""
    return outputs_of(network, {INPUT: windows.rows})[:, 0]


def _samples(recipe: StressRecipe, windows: Windows) -> Samples:
    weights = None
    if recipe.class_weights:
        # Of both sides, so that the loss that stops a training weighs calm and stressed alike.
        truth = windows.truth(recipe.features.stressed_from)
        by_label = balanced_weights(truth, 2)
        weights = np.array([by_label[label] for label in truth.tolist()], np.float32)
    return Samples({INPUT: windows.rows}, windows.score, weights)


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")


def _accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs[:, 0] > 0.0) == (targets > 0.5)).to(torch.float32).mean()
